package signing

import (
	"encoding/json"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Envelope is the DSSE envelope of a bundle that is signed with a key, by itself: the form that tools read which know no bundles
// (stock slsa-verifier's verify-vsa). The signature is not checked; A0505 where the bundle is malformed.
func Envelope(bundle []byte) ([]byte, error) {
	b, err := parse(bundle)
	if err != nil {
		return nil, diag.Errorf(codeBundle, "reading a bundle: %w", err)
	}
	return json.Marshal(b.Envelope)
}

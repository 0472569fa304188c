package signing

import (
	"encoding/json"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Bare is the DSSE envelope of a bundle, by itself: the form that tools read which know no bundles (stock slsa-verifier's verify-vsa). The
// signature is not checked; A0505 where the bundle is malformed.
func Bare(bundle []byte) ([]byte, error) {
	b, err := parse(bundle, true)
	if err != nil {
		return nil, diag.Errorf(codeBundle, "reading a bundle: %w", err)
	}
	return json.Marshal(b.Envelope)
}

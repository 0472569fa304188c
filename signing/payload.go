package signing

import "github.com/selfsame-build/selfsame/internal/diag"

// Payload is what a bundle holds, as anybody may have written it: for showing, never for deciding. A0505: not a bundle of one statement.
func Payload(bundle []byte) ([]byte, error) {
	b, err := parse(bundle)
	if err != nil {
		return nil, diag.Errorf(codeBundle, "reading a bundle: %w", err)
	}
	return b.Envelope.Payload, nil
}

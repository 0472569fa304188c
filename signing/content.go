//go:build !front

package signing

import (
	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// once is a bundle for one verification. sigstore-go asks for a part again wherever it needs it, and its bundle decodes the certificate and
// encodes the payload each time.
type once struct {
	*sigstore.Bundle
	signer verify.VerificationContent
	signed verify.SignatureContent
}

// VerificationContent is who signed.
func (o *once) VerificationContent() (verify.VerificationContent, error) {
	if o.signer != nil {
		return o.signer, nil
	}
	c, err := o.Bundle.VerificationContent()
	if err == nil {
		o.signer = c
	}
	return c, err
}

// SignatureContent is what was signed.
func (o *once) SignatureContent() (verify.SignatureContent, error) {
	if o.signed != nil {
		return o.signed, nil
	}
	c, err := o.Bundle.SignatureContent()
	if err == nil {
		o.signed = c
	}
	return c, err
}

//go:build !front

package signing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/provenance"
)

// Bounds of an envelope that stands alone.
const (
	// MaxEnvelope bounds it in bytes; a layout of 64 steps has about 100 KiB.
	MaxEnvelope   = 4 << 20
	maxSignatures = 32
)

// Envelope is a DSSE envelope that stands alone, outside of a sigstore bundle: in-toto layouts have this form, since a bundle holds one
// signature and a layout may have several owners.
type Envelope struct {
	// Payload is what was signed. Nothing about it is known before Verify.
	Payload    []byte
	signatures []dsseSignature
}

// NewEnvelope makes an envelope that nobody signed yet.
func NewEnvelope(payload []byte) Envelope { return Envelope{Payload: payload} }

// ParseEnvelope reads an envelope strictly: every field known, the one payload type, at least one signature and at most 32. It verifies
// nothing. Diagnostic: A0505.
func ParseEnvelope(data []byte) (Envelope, error) {
	var e envelope
	err := strictjson.Unmarshal(data, &e, strictjson.Limits{MaxBytes: MaxEnvelope, MaxDepth: 8, MaxValues: 1024})
	switch {
	case err != nil:
	case e.PayloadType != PayloadType:
		err = fmt.Errorf("payload type %q, want %q", clip(e.PayloadType), PayloadType)
	case len(e.Signatures) == 0 || len(e.Signatures) > maxSignatures:
		err = fmt.Errorf("%d signatures, between 1 and %d were expected", len(e.Signatures), maxSignatures)
	case len(e.Payload) == 0:
		err = errors.New("an empty payload")
	}
	if err != nil {
		return Envelope{}, malformed("reading an envelope", err)
	}
	return Envelope{Payload: e.Payload, signatures: e.Signatures}, nil
}

// Sign gives the envelope with one more signature, called keyID, which is a hint for readers and no more. Who has signed already signs
// anew: the old signature under the same keyID is replaced. A statement about an image is refused: it goes into a bundle, and past the
// signer's role (A0584).
func (e Envelope) Sign(ctx context.Context, s *Signer, keyID string) (Envelope, error) {
	if _, err := provenance.Parse(e.Payload); err == nil {
		return e, diag.Errorf(codeRole, "signing an envelope: it holds a statement about an image").WithHelp("envelopes of several signatures are for layouts")
	}
	raw, err := s.signPayload(ctx, e.Payload)
	if err != nil {
		return e, fmt.Errorf("signing an envelope: %w", err)
	}
	sig := dsseSignature{Sig: raw, KeyID: keyID}
	out := Envelope{Payload: e.Payload}
	for _, old := range e.signatures {
		if old.KeyID != keyID {
			out.signatures = append(out.signatures, old)
		}
	}
	if out.signatures = append(out.signatures, sig); len(out.signatures) > maxSignatures {
		return e, malformed("signing an envelope", fmt.Errorf("it has %d signatures already", len(e.signatures)))
	}
	return out, nil
}

// Verify says whether one of the signatures is v's. What the signatures call themselves counts for nothing. Diagnostics: A0505 the payload
// is no strict JSON, A0507 none is (errors.Is ErrOtherKey).
func (e Envelope) Verify(v *Verifier) error {
	err := errOtherKey(v.Key().Hint)
	for _, s := range e.signatures {
		raw, encoding := json.Marshal(bundle{
			MediaType:            BundleMediaType,
			VerificationMaterial: verificationMaterial{PublicKey: &publicKey{Hint: v.Key().Hint}},
			Envelope:             &envelope{Payload: e.Payload, PayloadType: PayloadType, Signatures: []dsseSignature{{Sig: s.Sig}}},
		})
		if encoding != nil {
			return fmt.Errorf("verifying an envelope: %w", encoding)
		}
		got, failure := Trust{Keys: []*Verifier{v}}.Verify(raw)
		switch {
		case failure == nil && bytes.Equal(got.Payload, e.Payload):
			return nil
		case failure != nil && got.By.Key == v.Key(): // it is v's, and what it signed cannot be taken
			err = failure
		}
	}
	return err
}

// KeyIDs are what the signatures call their keys, unproven.
func (e Envelope) KeyIDs() []string {
	var out []string
	for _, s := range e.signatures {
		out = append(out, clip(s.KeyID))
	}
	return out
}

// JSON is the envelope as a file, with a newline at the end.
func (e Envelope) JSON() ([]byte, error) {
	out, err := json.MarshalIndent(envelope{Payload: e.Payload, PayloadType: PayloadType, Signatures: e.signatures}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding an envelope: %w", err)
	}
	return append(out, '\n'), nil
}

func errOtherKey(hint string) error {
	return diag.Errorf(codeOtherKey, "it is %w than %s", ErrOtherKey, hint)
}

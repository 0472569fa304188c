//go:build !front

package signing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// Sign signs statement, an in-toto statement in JSON, as it is, and returns the bundle. What the signer's role may not say is refused: a
// statement that no verifier of ours would take, one whose predicate type is not known, and one that is another role's (a failed rebuild
// for a release key). Diagnostic: A0584, and A0581 to A0583 where another program holds the key. Without a key: see NewKeyless's diagnostics.
func Sign(ctx context.Context, s *Signer, statement []byte) ([]byte, error) {
	if err := checkRole(s.role, statement); err != nil {
		return nil, err
	}
	return sign(ctx, s, statement)
}

// SignUnchecked signs whatever is strict JSON of at most MaxPayload bytes, in no role at all. It is for the tests of verifiers, which must
// see signed nonsense; a test holds that nothing else calls it.
func SignUnchecked(ctx context.Context, s *Signer, statement []byte) ([]byte, error) {
	if err := strictjson.Check(statement, payloadLimits); err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	return sign(ctx, s, statement)
}

// sign signs what was found to be strict JSON.
func sign(ctx context.Context, s *Signer, statement []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if s.keyless != nil {
		return s.keyless.sign(ctx, statement)
	}
	signed := pae(PayloadType, statement)
	sig, err := s.sign(ctx, signed)
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	m := verificationMaterial{PublicKey: &publicKey{Hint: s.public.info.Hint}}
	if s.stamps != nil {
		if err := s.stamps.add(ctx, &m, s.public, signed, sig); err != nil {
			return nil, err
		}
	}
	out, err := json.Marshal(bundle{
		MediaType: BundleMediaType, VerificationMaterial: m,
		// keyid stays empty: sigstore-go refuses one that equals the hint, although the specification says it must.
		Envelope: &envelope{Payload: statement, PayloadType: PayloadType, Signatures: []dsseSignature{{Sig: sig}}},
	})
	if err == nil && s.stamps != nil {
		err = s.stamps.check(out, s.public)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// signPayload is the signature over what DSSE makes of a payload, strict JSON of at most MaxPayload bytes.
func (s *Signer) signPayload(ctx context.Context, payload []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := strictjson.Check(payload, payloadLimits); err != nil {
		return nil, err
	}
	return s.sign(ctx, pae(PayloadType, payload))
}

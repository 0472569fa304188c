package signing

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// ErrOtherKey is in the chain of Verify's error when the bundle is well formed and names none of the keys it was checked
// against. Anyone may attach such a bundle to an image: it proves nothing, and it spoils nothing.
var ErrOtherKey = errors.New("signed by another key")

// ErrOtherKind is in the chain of Verify's error when the bundle is one of sigstore's that is not signed with a plain key: it
// has a certificate, or a bare message signature. Like ErrOtherKey it proves nothing and spoils nothing.
var ErrOtherKind = errors.New("not a statement signed with a key")

// Verify checks that bundle is one DSSE envelope with one signature, made by one of keys, over an in-toto statement, and
// returns the statement's bytes and the key that signed it. The order is the DSSE protocol's: first the signature over the
// received bytes, then, and only by the caller, their meaning.
//
// Diagnostics: A0505 the bundle is malformed or ambiguous (two signatures, another payload type, a keyid); A0506 the signature
// does not hold; A0507 it is another key's (errors.Is ErrOtherKey); A0508 it is of another kind (ErrOtherKind). Without keys
// nothing verifies.
func Verify(bundle []byte, keys ...*Verifier) (payload []byte, by KeyInfo, err error) {
	b, err := parse(bundle)
	if errors.Is(err, ErrOtherKind) {
		return nil, KeyInfo{}, diag.Errorf(codeOtherKind, "reading a bundle: %w", err)
	}
	if err != nil {
		return nil, KeyInfo{}, diag.Errorf(codeBundle, "reading a bundle: %w", err)
	}
	// > Let SERIALIZED_BODY be the base64-decoded payload; verify SIGNATURE against PAE(UTF8(PAYLOAD_TYPE), SERIALIZED_BODY).
	signed := dsse.PAE(b.Envelope.PayloadType, b.Envelope.Payload)
	sig := b.Envelope.Signatures[0].Sig
	named := false
	for _, k := range keys {
		// The hint is not signed. It only words the failure; it never keeps a key from being tried.
		named = named || k.info.Hint == b.VerificationMaterial.PublicKey.Hint
		if k.verifier.VerifySignature(bytes.NewReader(sig), bytes.NewReader(signed)) == nil {
			if err := strictjson.Check(b.Envelope.Payload, payloadLimits); err != nil {
				return nil, k.info, diag.Errorf(codeBundle, "reading a signed payload: %w", err)
			}
			return b.Envelope.Payload, k.info, nil
		}
	}
	hint := KeyInfo{Hint: b.VerificationMaterial.PublicKey.Hint}
	if named {
		return nil, hint, diag.Errorf(codeSignature, "the signature of a bundle does not hold for the key it names, %s", hint.Hint).
			WithWhy("the statement or its signature was changed after signing")
	}
	return nil, hint, diag.Errorf(codeOtherKey, "a bundle is %w, %s", ErrOtherKey, hint.Hint).
		WithWhy("none of the keys given made this signature").
		WithHelp("pass the public key of whoever signed it with --key")
}

// parse reads a bundle strictly: every field known, exactly one signature, an empty keyid, the one payload type.
func parse(data []byte) (*bundle, error) {
	var b bundle
	if err := strictjson.Unmarshal(data, &b, strictjson.Limits{MaxBytes: MaxBundle, MaxDepth: 16, MaxValues: 4096}); err != nil {
		return nil, err
	}
	switch {
	case b.MediaType != BundleMediaType:
		return nil, fmt.Errorf("media type %q, want %q", clip(b.MediaType), BundleMediaType)
	case b.MessageSignature != nil, b.VerificationMaterial.Certificate != nil, b.VerificationMaterial.Chain != nil:
		return nil, ErrOtherKind
	case b.Envelope == nil:
		return nil, errors.New("no DSSE envelope")
	case b.VerificationMaterial.PublicKey == nil:
		return nil, errors.New("no public key hint")
	case b.Envelope.PayloadType != PayloadType:
		return nil, fmt.Errorf("payload type %q, want %q", clip(b.Envelope.PayloadType), PayloadType)
	case len(b.Envelope.Signatures) != 1:
		return nil, fmt.Errorf("%d signatures, want exactly 1", len(b.Envelope.Signatures))
	case b.Envelope.Signatures[0].KeyID != "":
		return nil, errors.New("a keyid, which no signature says anything about")
	case len(b.Envelope.Signatures[0].Sig) == 0 || len(b.Envelope.Signatures[0].Sig) > maxSignature:
		return nil, fmt.Errorf("a signature of %d bytes", len(b.Envelope.Signatures[0].Sig))
	case len(b.Envelope.Payload) == 0 || len(b.Envelope.Payload) > MaxPayload:
		return nil, fmt.Errorf("a payload of %d bytes", len(b.Envelope.Payload))
	}
	if sum, err := base64.StdEncoding.DecodeString(b.VerificationMaterial.PublicKey.Hint); err != nil || len(sum) != 32 {
		return nil, errors.New("a hint that is not base64(sha256)")
	}
	return &b, nil
}

// clip keeps a stranger's text short enough for one line.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

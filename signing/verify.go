package signing

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// ErrOtherKey is in the chain of Verify's error when the bundle is well formed and names none of the keys it was checked
// against. Anyone may attach such a bundle to an image: it proves nothing, and it spoils nothing.
var ErrOtherKey = errors.New("signed by another key")

// ErrOtherKind is in the chain of Verify's error when the bundle is one of sigstore's that cannot be checked against this Trust: it
// has a certificate and there is no Root, or it is a bare message signature. Like ErrOtherKey it proves nothing and spoils nothing.
var ErrOtherKind = errors.New("not a statement signed with a key")

// Trust is what signatures are checked against: the verifier's own choice, never the bundle's.
type Trust struct {
	// Keys are the public keys whose signatures hold. A key says nothing of when.
	Keys []*Verifier
	// Root is the instance of sigstore whose certificates hold, and whose logs and timestamp authorities say when something was signed.
	// nil: none. Any identity that it vouches for holds: which of them counts is for the caller to decide, from Signed.By.
	Root *Root
}

// Signed is a statement whose signature held.
type Signed struct {
	// Payload is the statement: the very bytes that the signature covers.
	Payload []byte
	// By is who signed, as proven. With an error of Verify it is at most who the bundle says it was.
	By trust.Party
	// Time is when it was signed at the latest, by somebody that Trust names (a timestamp authority, a log); zero: nobody says.
	Time time.Time

	checked strictjson.Document // Payload, found to be strict JSON
}

// Statement reads the payload as provenance.Parse does, without checking a second time that it is strict JSON.
func (s Signed) Statement() (provenance.Statement, error) {
	if s.checked.Is(s.Payload) {
		return provenance.ParseChecked(s.checked)
	}
	return provenance.Parse(s.Payload)
}

// Verify checks that bundle is one DSSE envelope with one signature, made by somebody in t, over an in-toto statement. The order
// is the DSSE protocol's: first the signature over the received bytes, then, and only by the caller, their meaning.
//
// Diagnostics: A0505 the bundle is malformed or ambiguous (two signatures, another payload type, a keyid); A0506 the signature
// does not hold; A0507 it is another key's (errors.Is ErrOtherKey); A0508 it is of another kind (ErrOtherKind); A0555 its
// certificate, log entry or time does not hold. Where t names nobody nothing verifies.
func (t Trust) Verify(bundle []byte) (Signed, error) {
	b, err := parse(bundle, t.Root != nil)
	if errors.Is(err, ErrOtherKind) {
		return Signed{}, diag.Errorf(codeOtherKind, "reading a bundle: %w", err)
	}
	if err != nil {
		return Signed{}, diag.Errorf(codeBundle, "reading a bundle: %w", err)
	}
	if b.VerificationMaterial.certified() {
		return t.Root.verifyCertified(b)
	}
	// > Let SERIALIZED_BODY be the base64-decoded payload; verify SIGNATURE against PAE(UTF8(PAYLOAD_TYPE), SERIALIZED_BODY).
	signed := pae(b.Envelope.PayloadType, b.Envelope.Payload)
	sig := b.Envelope.Signatures[0].Sig
	named := false
	for _, k := range t.Keys {
		// The hint is not signed. It only words the failure; it never keeps a key from being tried.
		named = named || k.info.Hint == b.VerificationMaterial.PublicKey.Hint
		if k.holds(signed, sig) {
			by := trust.Party{Key: k.info}
			checked, err := strictjson.Read(b.Envelope.Payload, payloadLimits)
			if err != nil {
				return Signed{By: by}, diag.Errorf(codeBundle, "reading a signed payload: %w", err)
			}
			signed := Signed{Payload: b.Envelope.Payload, By: by, checked: checked}
			if t.Root != nil {
				signed.Time = t.Root.timeOf(b, k)
			}
			return signed, nil
		}
	}
	hint := b.VerificationMaterial.PublicKey.Hint
	claimed := Signed{By: trust.Party{Key: trust.Key{Hint: hint}}}
	if named {
		return claimed, diag.Errorf(codeSignature, "the signature of a bundle does not hold for the key it names, %s", hint).
			WithWhy("the statement or its signature was changed after signing")
	}
	return claimed, diag.Errorf(codeOtherKey, "a bundle is %w, %s", ErrOtherKey, hint).
		WithWhy("none of the keys given made this signature").
		WithHelp("pass the public key of whoever signed it with --key")
}

// Claimed is the payload of a bundle whose signature nobody has checked: good for showing it and for deciding where to put it, and for nothing else.
// Diagnostic: A0505.
func Claimed(bundle []byte) ([]byte, error) {
	b, err := parse(bundle, true)
	if err != nil {
		return nil, malformed("reading a bundle", err)
	}
	return b.Envelope.Payload, nil
}

func malformed(doing string, err error) error { return diag.Errorf(codeBundle, doing+": %w", err) }

// certified tells whether a certificate names the signer.
func (m verificationMaterial) certified() bool { return m.Certificate != nil || m.Chain != nil }

// parse reads a bundle strictly: every field known, exactly one signature, an empty keyid, the one payload type. Without certificates
// one that has some is of another kind.
func parse(data []byte, certificates bool) (*bundle, error) {
	var b bundle
	if err := strictjson.Unmarshal(data, &b, bundleLimits); err != nil {
		return nil, err
	}
	switch {
	case b.MediaType != BundleMediaType:
		return nil, fmt.Errorf("media type %q, want %q", clip(b.MediaType), BundleMediaType)
	case b.MessageSignature != nil, b.VerificationMaterial.certified() && !certificates:
		return nil, ErrOtherKind
	case b.Envelope == nil:
		return nil, errors.New("no DSSE envelope")
	case b.VerificationMaterial.PublicKey == nil && !b.VerificationMaterial.certified():
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
	if key := b.VerificationMaterial.PublicKey; key != nil {
		if sum, err := base64.StdEncoding.DecodeString(key.Hint); err != nil || len(sum) != 32 {
			return nil, errors.New("a hint that is not base64(sha256)")
		}
	}
	return &b, nil
}

var bundleLimits = strictjson.Limits{MaxBytes: MaxBundle, MaxDepth: 16, MaxValues: 4096}

// clip keeps a stranger's text short enough for one line.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

//go:build !front

package signing

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/trust"
)

// Artifact is a thing that a bundle may have signed: its content, or its digest alone.
type Artifact struct {
	Content io.Reader
	// SHA256 counts when Content is nil.
	SHA256 []byte
}

// VerifyArtifact checks that bundle signs artifact: as a message, or as a subject of an in-toto statement. It takes what sigstore's
// client specification has clients take, older media types and bare messages among it, and is there to be held against that
// specification's test suite (cmd/conformance-client). What selfsame believes of images goes through Verify, which takes less.
//
// Nobody's signature counts but t.Keys' (at most one) or an identity's that t.Root vouches for; which identity that is, is returned.
func (t Trust) VerifyArtifact(bundle []byte, artifact Artifact) (trust.Party, error) {
	b, err := parseAny(bundle)
	if err != nil {
		return trust.Party{}, fmt.Errorf("reading the bundle: %w", err)
	}
	e, err := b.entity(false)
	if err == nil {
		err = withoutRoot(e.GetVerificationMaterial().GetX509CertificateChain().GetCertificates())
	}
	if err != nil {
		return trust.Party{}, fmt.Errorf("reading the bundle: %w", err)
	}
	e, policy, err := b.asLogged(e, artifact)
	if err != nil {
		return trust.Party{}, err
	}
	switch {
	case t.Root == nil:
		return trust.Party{}, errors.New("no trusted root")
	case len(t.Keys) == 1 && !b.VerificationMaterial.certified():
		return t.keyedArtifact(b, e, policy)
	case len(t.Keys) == 0 && b.VerificationMaterial.certified():
		return t.certifiedArtifact(e, policy)
	}
	return trust.Party{}, errors.New("a key was given for a certificate's bundle, or none for a key's")
}

func (t Trust) certifiedArtifact(e *sigstore.Bundle, policy verify.ArtifactPolicyOption) (trust.Party, error) {
	res, err := t.Root.check(e, policy)
	if err != nil {
		return trust.Party{}, err
	}
	id, err := identity(res)
	return trust.Party{Identity: id}, err
}

// withoutRoot refuses a chain that brings its own root. sigstore-go v1.3.0 looks at the leaf alone where the media type is older than v0.3, and
// at the others from there on.
//
//	> Signers MUST NOT include root CA certificates in bundles (sigstore_bundle.proto, VerificationMaterial)
func withoutRoot(chain []*protocommon.X509Certificate) error {
	for _, c := range chain {
		parsed, err := x509.ParseCertificate(c.GetRawBytes())
		if err != nil {
			return fmt.Errorf("a certificate: %w", err)
		}
		if bytes.Equal(parsed.RawSubject, parsed.RawIssuer) && parsed.CheckSignatureFrom(parsed) == nil {
			return errors.New("a root certificate in its chain")
		}
	}
	return nil
}

// keyedArtifact demands what there is: a key's signature needs no log and no time, but a log entry that is there has to hold.
func (t Trust) keyedArtifact(b *bundle, e *sigstore.Bundle, policy verify.ArtifactPolicyOption) (trust.Party, error) {
	demands := []verify.VerifierOption{verify.WithNoObserverTimestamps(), verify.WithoutStatementPredicate()}
	if entry, is := plainOrigin(e); is {
		if err := t.Root.checkPlainOrigin(entry, b, t.Keys[0]); err != nil {
			return trust.Party{}, fmt.Errorf("the log entry: %w", quoteErr(err))
		}
	} else if len(b.VerificationMaterial.TlogEntries) > 0 {
		demands = append(demands, verify.WithTransparencyLog(1))
	}
	v, err := verify.NewVerifier(keyed{TrustedMaterial: t.Root.material, key: t.Keys[0]}, demands...)
	if err != nil {
		return trust.Party{}, fmt.Errorf("making a verifier: %w", err)
	}
	if _, err := v.Verify(e, verify.NewPolicy(policy, verify.WithKey())); err != nil {
		return trust.Party{}, quoteErr(err)
	}
	return trust.Party{Key: t.Keys[0].Key()}, nil
}

// parseAny reads a bundle of any media type that clients have to take. A statement is strict, and of a type that says what it is.
func parseAny(data []byte) (*bundle, error) {
	var b bundle
	if err := strictjson.Unmarshal(data, &b, bundleLimits); err != nil {
		return nil, err
	}
	if b.Envelope == nil {
		return &b, nil
	}
	if err := strictjson.Check(b.Envelope.Payload, payloadLimits); err != nil {
		return nil, fmt.Errorf("the statement: %w", err)
	}
	var statement struct {
		Type string `json:"_type"`
	}
	if err := json.Unmarshal(b.Envelope.Payload, &statement); err != nil {
		return nil, fmt.Errorf("the statement: %w", err)
	}
	switch statement.Type {
	case "https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1":
		return &b, nil
	}
	return nil, fmt.Errorf("a statement of type %q", clip(statement.Type))
}

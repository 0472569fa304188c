//go:build !front

package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

// KeylessOptions says under which instance of sigstore to sign without a key of one's own. There is no instance that is used when none
// is named.
type KeylessOptions struct {
	// Instance names the services.
	Instance *Instance
	// Root is what every bundle is checked against before it is handed out: what a service answered is not believed.
	Root *Root
	// Token gives the identity token. It is asked when the first statement is to be signed, since a token lives for minutes and a
	// build may take an hour, and again when the certificate has ended.
	Token func(context.Context) (Token, error)
	// Transport reaches the services; nil: net/http's default.
	Transport http.RoundTripper
	// Timeout bounds each request; 0: 30 seconds.
	Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
}

// keyless signs under certificates of a key that nobody keeps: made in memory, vouched for by a certificate authority for some ten
// minutes, and dropped.
type keyless struct {
	options  KeylessOptions
	services *services

	mu   sync.Mutex
	held *holding
}

// holding is a key and the certificate that vouches for it.
type holding struct {
	private *ecdsa.PrivateKey
	leaf    *x509.Certificate
}

// margin is how long a certificate must still live for another signature under it: the timestamp is made after the signature, by
// another clock.
const margin = 30 * time.Second

// NewKeyless makes a signer that has an instance of sigstore vouch for whoever a token names. Nobody is asked before something is to be
// signed. All statements are signed under one certificate while it lives. Diagnostic: A0551.
func NewKeyless(o KeylessOptions) (*Signer, error) {
	s, err := o.Instance.services(o.Now())
	if err != nil {
		return nil, err
	}
	s.http = noRedirects(o.Transport)
	if o.Timeout != 0 {
		s.timeout = o.Timeout
	}
	return &Signer{keyless: &keyless{options: o, services: s}}, nil
}

// sign makes a bundle: a signature, the certificate, times and log entries. Diagnostics: A0552 no token, A0553 it has expired or was
// refused, A0554 a service failed.
func (k *keyless) sign(ctx context.Context, statement []byte) ([]byte, error) {
	held, err := k.hold(ctx)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(pae(PayloadType, statement))
	sig, err := held.private.Sign(nil, digest[:], crypto.SHA256) // nil: RFC 6979
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	m, err := k.material(ctx, held, digest[:], sig)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(bundle{MediaType: BundleMediaType, VerificationMaterial: m,
		Envelope: &envelope{Payload: statement, PayloadType: PayloadType, Signatures: []dsseSignature{{Sig: sig}}}})
	if err != nil {
		return nil, fmt.Errorf("encoding a bundle: %w", err)
	}
	if _, err := (Trust{Root: k.options.Root}).Verify(out); err != nil {
		return nil, diag.Errorf(codeService, "what the signing services answered does not hold: %w", err).
			WithWhy("nothing is published that would not verify").
			WithHelp("see whether --signing-config and --trusted-root describe one instance, and whether this machine's clock is right")
	}
	return out, nil
}

// who is whom the instance's certificate names.
func (k *keyless) who(ctx context.Context) (trust.Identity, error) {
	held, err := k.hold(ctx)
	if err != nil {
		return trust.Identity{}, err
	}
	id, err := named(held.leaf)
	if err != nil {
		return id, failed(ctx, "certificate authority", k.services.ca, fmt.Errorf("its certificate does not say who signs: %w", err))
	}
	return id, nil
}

func (k *keyless) by(bundle []byte) (trust.Party, error) {
	got, err := (Trust{Root: k.options.Root}).Verify(bundle)
	return got.By, err
}

// material collects what goes beside the signature.
func (k *keyless) material(ctx context.Context, held *holding, digest, sig []byte) (verificationMaterial, error) {
	var m verificationMaterial
	var err error
	if m.Certificate, err = json.Marshal(certificate{RawBytes: held.leaf.Raw}); err != nil {
		return m, fmt.Errorf("encoding a certificate: %w", err)
	}
	err = k.services.vouch(ctx, &m, digest, sig, &tiles.Verifier{
		KeyDetails: protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		Verifier:   &tiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: held.leaf.Raw}},
	})
	return m, err
}

// hold gives a key whose certificate has some life in it. Who signs meanwhile waits: one certificate is for all.
func (k *keyless) hold(ctx context.Context) (*holding, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil && k.options.Now().Add(margin).Before(k.held.leaf.NotAfter) {
		return k.held, nil
	}
	k.held = nil
	token, err := k.options.Token(ctx)
	if err != nil {
		return nil, err
	}
	if end := token.Expires(); !end.IsZero() && !k.options.Now().Before(end) {
		return nil, diag.Errorf(codeTokenRefused, "the identity token expired at %s", end.UTC().Format(time.RFC3339)).
			WithWhy("the build is done, and nothing was signed").
			WithHelp("let --identity-token name a file that is kept fresh; building the same inputs again is quick")
	}
	k.held, err = k.services.newHolding(ctx, token)
	return k.held, err
}

// newHolding makes a key and has it certified.
func (s *services) newHolding(ctx context.Context, token Token) (*holding, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), nil) // nil: since Go 1.26 the system's randomness is used anyway
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	public, err := cryptoutils.MarshalPublicKeyToPEM(private.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	subject := sha256.Sum256([]byte(token.subject))
	proof, err := private.Sign(nil, subject[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing a token's subject: %w", err)
	}
	der, err := s.certify(ctx, token, string(public), proof)
	if err != nil {
		return nil, failed(ctx, "certificate authority", s.ca, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil || !private.PublicKey.Equal(leaf.PublicKey) {
		return nil, failed(ctx, "certificate authority", s.ca, fmt.Errorf("its certificate is not for our key"))
	}
	return &holding{private: private, leaf: leaf}, nil
}

// failed words a service's failure. A refusal of the token is its own kind: asking again does not help.
func failed(ctx context.Context, what string, u *url.URL, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var s statusError
	if errors.As(err, &s) && what == "certificate authority" && s.code >= 400 && s.code < 500 && s.code != http.StatusTooManyRequests {
		return diag.Errorf(codeTokenRefused, "the %s at %s refused the identity token: %w", what, u.Host, err).
			WithWhy("it may have expired, be from an issuer that is not known there, or be meant for another audience").
			WithHelp("make a token for the audience `" + Audience + "`")
	}
	return diag.Errorf(codeService, "the %s at %s failed: %w", what, u.Host, err).
		WithWhy("nothing was signed or published").WithHelp("try again; building the same inputs again is quick")
}

//go:build !front

package signing

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// StampOptions says who vouches for when a key has signed. There is nobody who is asked when none is named.
type StampOptions struct {
	// Instance names the services: at least one timestamp authority; its logs, if it has any, get an entry as well. Its certificate
	// authority is not asked.
	Instance *Instance
	// Root is what every bundle is checked against before it is handed out: what a service answered is not believed.
	Root *Root
	// Transport reaches the services; nil: net/http's default.
	Transport http.RoundTripper
	// Timeout bounds each request; 0: 30 seconds.
	Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
}

// stamper asks for times and log entries beside a key's signatures.
type stamper struct {
	root     *Root
	services *services
	// details is how the key signs, in the words of a log; unused where there is none.
	details protocommon.PublicKeyDetails
	der     []byte
}

// Stamped is the same key, whose signatures carry a time that others vouch for: without one a key's word cannot be bounded in time, since
// the key itself says nothing of when. A bundle is then another one each time, also for a key in a file. A signer without a key has times
// anyway and is returned as it is. Diagnostics: A0551; A0504 a log is named, and logs do not take this kind of key.
func (s *Signer) Stamped(o StampOptions) (*Signer, error) {
	if s.keyless != nil {
		return s, nil
	}
	found, err := o.Instance.stamping(o.Now())
	if err != nil {
		return nil, err
	}
	found.http = noRedirects(o.Transport)
	if o.Timeout != 0 {
		found.timeout = o.Timeout
	}
	stamps := &stamper{root: o.Root, services: found}
	if stamps.details, stamps.der, err = s.public.logged(); err != nil && len(found.logs) > 0 {
		return nil, diag.Errorf(codeAlgorithm, "this key cannot be used with a log: %w", err).
			WithHelp("name a timestamp authority alone: a --signing-config whose `rekorTlogUrls` is empty; or sign with an ECDSA key")
	}
	c := *s
	c.stamps = stamps
	if c.anew != nil && len(found.logs) > 0 {
		c.sign = c.anew // the log refuses a signature that it has already, and the same statement may be published again
	}
	return &c, nil
}

// logged is how a log names the key and what it signs with (rekor-tiles, HashedRekordRequestV002).
func (v *Verifier) logged() (protocommon.PublicKeyDetails, []byte, error) {
	der, err := cryptoutils.MarshalPublicKeyToDER(v.public)
	if err != nil {
		return 0, nil, fmt.Errorf("encoding the public key: %w", err)
	}
	// The choice is the one that sigstore-go's verifier makes for an entry of such a key.
	details, err := signature.GetDefaultAlgorithmDetails(v.public, options.WithED25519ph())
	if err != nil {
		return 0, nil, err
	}
	if h := details.GetHashType(); h == crypto.Hash(0) || h != v.algorithm.hash {
		return 0, nil, errors.New("it signs statements as they are, and a log of the second kind takes signatures over their hash")
	}
	if _, is := v.public.(*rsa.PublicKey); is {
		return 0, nil, errors.New("it signs a statement in one way only, and a log refuses what it has, so that nothing could be published twice")
	}
	return details.GetSignatureAlgorithm(), der, nil
}

// add has sig, a signature of public over signed, stamped and logged.
func (t *stamper) add(ctx context.Context, m *verificationMaterial, public *Verifier, signed, sig []byte) error {
	verifier := &tiles.Verifier{KeyDetails: t.details, Verifier: &tiles.Verifier_PublicKey{PublicKey: &tiles.PublicKey{RawBytes: t.der}}}
	return t.services.vouch(ctx, m, public.algorithm.digest(signed), sig, verifier)
}

// check finds out whether all that was added holds for whoever trusts the root. Verify itself passes over what does not, since a key's
// signature stands by itself.
func (t *stamper) check(bundle []byte, public *Verifier) error {
	err := t.holds(bundle, public)
	if err == nil {
		return nil
	}
	return diag.Errorf(codeService, "what the signing services answered does not hold: %w", err).
		WithWhy("nothing is published that would not verify").
		WithHelp("see whether --signing-config and --trusted-root describe one instance, and whether this machine's clock is right")
}

func (t *stamper) holds(raw []byte, public *Verifier) error {
	got, err := (Trust{Keys: []*Verifier{public}, Root: t.root}).Verify(raw)
	if err != nil {
		return err
	}
	if got.Time.IsZero() {
		return errors.New("no timestamp in it is by an authority of the root")
	}
	if len(t.services.logs) == 0 {
		return nil
	}
	b, err := parse(raw, false)
	if err != nil {
		return err
	}
	e, err := b.entity(true)
	if err != nil {
		return err
	}
	material, _ := t.root.at([]verify.TimestampVerificationResult{{Timestamp: got.Time}})
	if _, err := verify.VerifyTlogEntry(e, keyed{TrustedMaterial: material, key: public}, len(t.services.logs), false); err != nil {
		return quoteErr(err)
	}
	return nil
}

// vouch adds what the timestamp authorities and logs say of a signature. The times come first: a log of the second kind has none of its own.
// digest is that of what was signed, by the signer's hash.
func (s *services) vouch(ctx context.Context, m *verificationMaterial, digest, sig []byte, signer *tiles.Verifier) error {
	var stamps timestampData
	for _, tsa := range s.tsas {
		stamp, err := s.stamp(ctx, tsa, sig)
		if err != nil {
			return failed(ctx, "timestamp authority", tsa, err)
		}
		stamps.RFC3161 = append(stamps.RFC3161, signedTimestamp{SignedTimestamp: stamp})
	}
	var err error
	if m.TimestampData, err = json.Marshal(stamps); err != nil {
		return fmt.Errorf("encoding timestamps: %w", err)
	}
	for _, log := range s.logs {
		entry, err := s.enter(ctx, log, digest, sig, signer)
		if err != nil {
			return failed(ctx, "log", log, err)
		}
		raw, err := json.Marshal(entry)
		if err != nil {
			return fmt.Errorf("encoding a log entry: %w", err)
		}
		m.TlogEntries = append(m.TlogEntries, raw)
	}
	return nil
}

package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
)

// rawKey signs what signing.Sign refuses to.
type rawKey struct {
	private  *ecdsa.PrivateKey
	verifier *signing.Verifier
}

func newRawKey(t *testing.T) rawKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v, err := signing.LoadVerifier(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return rawKey{key, v}
}

// bundle has one signature for each payload type given, all of them good.
func (k rawKey) bundle(t *testing.T, payload []byte, keyid string, payloadType string, signatures int) []byte {
	t.Helper()
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	var sigs []map[string]string
	for range signatures {
		sum := sha256.Sum256([]byte(pae))
		sig, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		s := map[string]string{"sig": base64.StdEncoding.EncodeToString(sig)}
		if keyid != "" {
			s["keyid"] = keyid
		}
		sigs = append(sigs, s)
	}
	out, err := json.Marshal(map[string]any{
		"mediaType":            signing.BundleMediaType,
		"verificationMaterial": map[string]any{"publicKey": map[string]string{"hint": k.verifier.Key().Hint}},
		"dsseEnvelope":         map[string]any{"payload": base64.StdEncoding.EncodeToString(payload), "payloadType": payloadType, "signatures": sigs},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestN9SignedAndAmbiguous has bundles that a good key really signed, and that two readers could read differently: none of them
// counts, and nothing of them shows up as evidence.
func TestN9SignedAndAmbiguous(t *testing.T) {
	w := newWorld(t)
	key := newRawKey(t)
	prov := w.statements()[0]
	text := string(prov.Payload)
	in := signing.PayloadType
	put := func(old, with string) []byte { return replaced(t, prov, old, with).Payload }
	for name, bundle := range map[string][]byte{
		"two signatures":      key.bundle(t, prov.Payload, "", in, 2),
		"no signature":        key.bundle(t, prov.Payload, "", in, 0),
		"foreign keyid":       key.bundle(t, prov.Payload, "someone", in, 1),
		"keyid = hint":        key.bundle(t, prov.Payload, key.verifier.Key().Hint, in, 1),
		"payload type":        key.bundle(t, prov.Payload, "", "application/json", 1),
		"another legal one":   key.bundle(t, prov.Payload, "", "application/vnd.in-toto.provenance+json", 1),
		"duplicate subject":   key.bundle(t, put(`"subject":[`, `"subject":[],"subject":[`), "", in, 1),
		"duplicate predicate": key.bundle(t, put(`"predicate":{`, `"predicate":{"x":1},"predicate":{`), "", in, 1),
		"duplicate by escape": key.bundle(t, put(`"subject":[`, `"subj\u0065ct":[],"subject":[`), "", in, 1),
		"case-folded":         key.bundle(t, put(`"predicateType"`, `"PredicateType":"x","predicateType"`), "", in, 1),
		"folded inside":       key.bundle(t, put(`"buildType"`, `"BuildType":"x","buildType"`), "", in, 1),
		"trailing":            key.bundle(t, []byte(text+"{}"), "", in, 1),
		"depth 9000":          key.bundle(t, put(`"predicate":{`, `"predicate":{"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`,`), "", in, 1),
		"md5 only":            key.bundle(t, put(`"sha256":"`+prov.Subject.Digest.Encoded(), `"md5":"`+strings.Repeat("ab", 16)), "", in, 1),
		"no _type":            key.bundle(t, put(`"_type":"https://in-toto.io/Statement/v1",`, ``), "", in, 1),
		"type v2":             key.bundle(t, put(`Statement/v1`, `Statement/v2`), "", in, 1),
		"not UTF-8":           key.bundle(t, bytes.ReplaceAll(prov.Payload, []byte("run-1"), []byte("run\xff1")), "", in, 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.attach(w.build.Index, bundle)
			o := w.options()
			o.Trust.Keys = []*signing.Verifier{key.verifier}
			res := w.must(o, VerdictInvalid, "")
			if len(res.Ignored) != 1 && name != "folded inside" || len(res.Evidence) > 0 && name != "folded inside" {
				t.Errorf("%+v\n%s", res.Evidence, text)
			}
		})
	}
}

// A statement of 20 MiB is read, in time and memory that are a small multiple of it; it counts for what it says.
func TestN9TwentyMiB(t *testing.T) {
	w := newWorld(t)
	big := `"internalParameters":{"note":"` + strings.Repeat("x", 20<<20) + `",`
	start := time.Now()
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.PredicateType == provenance.PredicateProvenance && s.Subject.Digest == w.build.Index.Digest {
			return replaced(t, s, `"internalParameters":{`, big)
		}
		return &s
	})
	w.must(w.options(), VerdictVerified, "")
	t.Logf("signed and verified 20 MiB in %s", time.Since(start))
}

// Integers beyond 2^53 keep their digits (sigstore-go hands predicates out as doubles).
func TestN9LargeIntegers(t *testing.T) {
	w := newWorld(t)
	s := replaced(t, w.statements()[0], `"sourceDateEpoch":1`, `"sourceDateEpoch":9007199254740993`)
	w.attach(s.Subject, w.sign(w.signer, s.Payload))
	o := w.options()
	o = Options{Source: o.Source, Trust: o.Trust, Budget: o.Budget.withDefaults()}
	listing, err := o.Source.Referrers(t.Context(), w.build.Index.Digest, o.Budget.Listing)
	e, err := gather(t.Context(), o, image{desc: w.build.Index}, listing, err, nil)
	if err != nil || len(e.trusted) != 1 {
		t.Fatalf("%v %+v", err, e)
	}
	p, err := e.trusted[0].Provenance()
	if err != nil {
		t.Fatal(err)
	}
	if in, err := p.Internal(); err != nil || in.Epoch != 9007199254740993 {
		t.Errorf("%d, %v", in.Epoch, err)
	}
}

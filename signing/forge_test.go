package signing_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"testing"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	tilesnote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/selfsame-build/selfsame/signing"
)

// forge is an instance of sigstore in this process that says whatever a test wants it to say, and when. What a real one says is for
// TestPrivateSigstore.
type forge struct {
	t                                testing.TB
	now                              time.Time
	rootKey, caKey, tsaCAKey, tsaKey *ecdsa.PrivateKey
	root, ca, tsaCA, tsaLeaf         *x509.Certificate
	logs                             []*forgedLog
	// Windows in trusted_root.json; the zero values are an hour around now.
	caWindow, tsaWindow window
}

type forgedLog struct {
	name   string
	key    *ecdsa.PrivateKey
	window window
}

type window struct{ start, end time.Time }

const (
	forgedIssuer  = "https://issuer.example"
	forgedSubject = "builder@selfsame.example"
	hour          = time.Hour
)

func newForge(t testing.TB) *forge { return newForgeAt(t, time.Now()) }

// newForgeAt is an instance whose present is at that time: three months from then all its certificates are over.
func newForgeAt(t testing.TB, now time.Time) *forge {
	f := &forge{t: t, now: now.UTC().Truncate(time.Second)}
	f.rootKey, f.caKey, f.tsaCAKey, f.tsaKey = f.newKey(), f.newKey(), f.newKey(), f.newKey()
	authority := func(name string, key, signer *ecdsa.PrivateKey, parent *x509.Certificate, usage []x509.ExtKeyUsage) *x509.Certificate {
		return f.cert(&x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotBefore: f.now.Add(-90 * 24 * hour), NotAfter: f.now.Add(90 * 24 * hour), IsCA: true,
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: usage,
		}, parent, key, signer)
	}
	f.root = authority("root", f.rootKey, f.rootKey, nil, nil)
	f.ca = authority("ca", f.caKey, f.rootKey, f.root, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning})
	f.tsaCA = authority("tsa ca", f.tsaCAKey, f.rootKey, f.root, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping})
	f.tsaLeaf = f.stamper(window{f.now.Add(-60 * 24 * hour), f.now.Add(60 * 24 * hour)})
	around := window{f.now.Add(-hour), f.now.Add(hour)}
	f.caWindow, f.tsaWindow = around, around
	for _, name := range []string{"one.log.example", "two.log.example"} {
		f.logs = append(f.logs, &forgedLog{name: name, key: f.newKey(), window: around})
	}
	return f
}

func (f *forge) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *forge) newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.check(err)
	return k
}

func (f *forge) cert(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	f.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	f.check(err)
	template.SerialNumber = serial
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	f.check(err)
	c, err := x509.ParseCertificate(der)
	f.check(err)
	return c
}

// leaf is a certificate for ten minutes from start.
func (f *forge) leaf(key *ecdsa.PrivateKey, subject, issuer string, start time.Time) *x509.Certificate {
	return f.cert(&x509.Certificate{
		EmailAddresses: []string{subject}, NotBefore: start, NotAfter: start.Add(10 * time.Minute), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(issuer)}},
	}, f.ca, key, f.caKey)
}

// stamper is a certificate of the timestamp authority for that time.
func (f *forge) stamper(valid window) *x509.Certificate {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	f.check(err)
	return f.cert(&x509.Certificate{
		Subject: pkix.Name{CommonName: "tsa"}, NotBefore: valid.start, NotAfter: valid.end, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	}, f.tsaCA, f.tsaKey, f.tsaCAKey)
}

// stamp says that sig was there at that time, and carries the authority's certificate.
func (f *forge) stamp(sig []byte, at time.Time) []byte { return f.stampWith(sig, at, true) }

func (f *forge) stampWith(sig []byte, at time.Time, embed bool) []byte {
	sum := sha256.Sum256(sig)
	ts := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: embed}
	out, err := ts.CreateResponseWithOpts(f.tsaLeaf, f.tsaKey, crypto.SHA256)
	f.check(err)
	return out
}

func (l *forgedLog) id(t testing.TB) []byte {
	der, err := x509.MarshalPKIXPublicKey(l.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return sum[:]
}

// entry is a log entry of the second kind over digest and sig, the second leaf of a tree of two. The checkpoint may be told to lie.
func (f *forge) entry(l *forgedLog, digest, sig []byte, leaf *x509.Certificate, public []byte, lie func(origin *string, size *int, hash *[]byte)) map[string]any {
	f.t.Helper()
	verifier := &tiles.Verifier{KeyDetails: protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256}
	if leaf != nil {
		verifier.Verifier = &tiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw}}
	} else {
		verifier.Verifier = &tiles.Verifier_PublicKey{PublicKey: &tiles.PublicKey{RawBytes: public}}
	}
	raw, err := protojson.Marshal(&tiles.Entry{ApiVersion: "0.0.2", Kind: "hashedrekord", Spec: &tiles.Spec{Spec: &tiles.Spec_HashedRekordV002{
		HashedRekordV002: &tiles.HashedRekordLogEntryV002{
			Data: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: digest}, Signature: &tiles.Signature{Content: sig, Verifier: verifier},
		}}}})
	f.check(err)
	body, err := jsoncanonicalizer.Transform(raw)
	f.check(err)
	leafHash, sibling := sha256.Sum256(append([]byte{0}, body...)), sha256.Sum256([]byte("first"))
	node := sha256.Sum256(append(append([]byte{1}, sibling[:]...), leafHash[:]...))
	origin, size, hash := l.name, 2, node[:]
	if lie != nil {
		lie(&origin, &size, &hash)
	}
	sv, err := signature.LoadECDSASignerVerifier(l.key, crypto.SHA256)
	f.check(err)
	signer, err := tilesnote.NewNoteSigner(f.t.Context(), origin, sv)
	f.check(err)
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(hash))}, signer)
	f.check(err)
	return map[string]any{
		"logIndex": "1", "logId": map[string]any{"keyId": l.id(f.t)}, "kindVersion": map[string]string{"kind": "hashedrekord", "version": "0.0.2"},
		"canonicalizedBody": body, "inclusionProof": map[string]any{
			"logIndex": "1", "treeSize": "2", "rootHash": hash, "hashes": [][]byte{sibling[:]}, "checkpoint": map[string]string{"envelope": string(signed)},
		},
	}
}

// entryV1 is a log entry of the first kind: it has a time of its own, signed by the log. who is a certificate or a public key in PEM.
func (f *forge) entryV1(l *forgedLog, payload, sig, who []byte, at time.Time) map[string]any {
	f.t.Helper()
	sum := sha256.Sum256(payload)
	return f.logged(l, "dsse", "0.0.1", map[string]any{
		"envelopeHash": map[string]string{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}, // not checked by clients
		"payloadHash":  map[string]string{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])},
		"signatures":   []any{map[string]any{"signature": base64.StdEncoding.EncodeToString(sig), "verifier": who}},
	}, at)
}

// messageV1 is the same for the signature of a message.
func (f *forge) messageV1(l *forgedLog, digest, sig, who []byte, at time.Time) map[string]any {
	f.t.Helper()
	return f.logged(l, "hashedrekord", "0.0.1", map[string]any{
		"data":      map[string]any{"hash": map[string]string{"algorithm": "sha256", "value": hex.EncodeToString(digest)}},
		"signature": map[string]any{"content": sig, "publicKey": map[string]any{"content": who}},
	}, at)
}

// logged is an entry of the first kind, the one leaf of its tree.
func (f *forge) logged(l *forgedLog, kind, version string, spec map[string]any, at time.Time) map[string]any {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{"apiVersion": version, "kind": kind, "spec": spec})
	f.check(err)
	promise, err := json.Marshal(map[string]any{"body": body, "integratedTime": at.Unix(), "logID": hex.EncodeToString(l.id(f.t)), "logIndex": 0})
	f.check(err)
	digest := sha256.Sum256(promise)
	set, err := l.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	f.check(err)
	leafHash := sha256.Sum256(append([]byte{0}, body...))
	sv, err := signature.LoadECDSASignerVerifier(l.key, crypto.SHA256)
	f.check(err)
	signed, err := util.CreateAndSignCheckpoint(f.t.Context(), l.name, 7, 1, leafHash[:], sv)
	f.check(err)
	return map[string]any{
		"logId": map[string]any{"keyId": l.id(f.t)}, "kindVersion": map[string]string{"kind": kind, "version": version}, "integratedTime": fmt.Sprint(at.Unix()),
		"canonicalizedBody": body, "inclusionPromise": map[string]any{"signedEntryTimestamp": set},
		"inclusionProof": map[string]any{"treeSize": "1", "rootHash": leafHash[:], "checkpoint": map[string]string{"envelope": string(signed)}},
	}
}

// trustedRoot is the instance as its users have it.
func (f *forge) trustedRoot(change func(map[string]any)) []byte {
	f.t.Helper()
	valid := func(w window) map[string]any {
		out := map[string]any{"start": w.start.Format(time.RFC3339)}
		if !w.end.IsZero() {
			out["end"] = w.end.Format(time.RFC3339)
		}
		return out
	}
	chain := func(w window, certs ...*x509.Certificate) map[string]any {
		var list []any
		for _, c := range certs {
			list = append(list, map[string]any{"rawBytes": c.Raw})
		}
		return map[string]any{"uri": "https://" + certs[0].Subject.CommonName, "certChain": map[string]any{"certificates": list}, "validFor": valid(w)}
	}
	var logs []any
	for _, l := range f.logs {
		der, err := x509.MarshalPKIXPublicKey(l.key.Public())
		f.check(err)
		logs = append(logs, map[string]any{"baseUrl": "https://" + l.name, "hashAlgorithm": "SHA2_256", "logId": map[string]any{"keyId": l.id(f.t)},
			"publicKey": map[string]any{"rawBytes": der, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid(l.window)}})
	}
	root := map[string]any{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"certificateAuthorities": []any{chain(f.caWindow, f.ca, f.root)}, "timestampAuthorities": []any{chain(f.tsaWindow, f.tsaLeaf, f.tsaCA, f.root)}, "tlogs": logs,
	}
	if change != nil {
		change(root)
	}
	raw, err := json.Marshal(root)
	f.check(err)
	return raw
}

func (f *forge) loadRoot() *signing.Root {
	f.t.Helper()
	r, err := signing.LoadRoot(f.trustedRoot(nil))
	f.check(err)
	return r
}

// parts are what a bundle is put together from; a test changes some.
type parts struct {
	payload, digest, sig []byte
	key                  *ecdsa.PrivateKey
	leaf                 *x509.Certificate
	stamps               [][]byte
	entries              []map[string]any
}

// signed is a good bundle's parts: certificate, timestamp, entry of the second kind.
func (f *forge) signed(payload string) *parts {
	f.t.Helper()
	p := &parts{payload: []byte(payload), key: f.newKey()}
	p.leaf = f.leaf(p.key, forgedSubject, forgedIssuer, f.now.Add(-time.Minute))
	f.resign(p)
	return p
}

// resign signs anew, and has that witnessed.
func (f *forge) resign(p *parts) {
	f.t.Helper()
	sum := sha256.Sum256(dsse.PAE(signing.PayloadType, p.payload))
	p.digest = sum[:]
	var err error
	p.sig, err = p.key.Sign(rand.Reader, p.digest, crypto.SHA256)
	f.check(err)
	p.stamps = [][]byte{f.stamp(p.sig, f.now)}
	p.entries = []map[string]any{f.entry(f.logs[0], p.digest, p.sig, p.leaf, nil, nil)}
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// bundle puts the parts together.
func (p *parts) bundle(t testing.TB, material map[string]any) []byte {
	t.Helper()
	var stamps []any
	for _, s := range p.stamps {
		stamps = append(stamps, map[string]any{"signedTimestamp": s})
	}
	m := map[string]any{"tlogEntries": p.entries, "timestampVerificationData": map[string]any{"rfc3161Timestamps": stamps}}
	if p.leaf != nil {
		m["certificate"] = map[string]any{"rawBytes": p.leaf.Raw}
	}
	maps.Copy(m, material)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{"mediaType": signing.BundleMediaType, "verificationMaterial": m, "dsseEnvelope": map[string]any{
		"payload": p.payload, "payloadType": signing.PayloadType, "signatures": []any{map[string]any{"sig": p.sig}},
	}}); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

package signing_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	tilesnote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/selfsame-build/selfsame/signing"
)

const statementV1 = `"_type":"https://in-toto.io/Statement/v1",`

type edit = func(*conformant)

// suite makes equivalents of the suite's cases, each from whole cloth and wrong in the one way that the suite's README names. Where the suite has to
// cut an entry of a real log, so that the log's proof breaks too, the forged log here signs for what was cut: only the named fault is left to find.
type suite struct{ *forge }

func (s suite) message(t *testing.T, change edit) *conformant {
	return changed(s.messageCase(t), change)
}
func (s suite) dsse(t *testing.T, change edit) *conformant { return changed(s.dsseCase(t), change) }

func (s suite) old(t *testing.T, version string, change edit) *conformant {
	return changed(s.oldCase(t, version), change)
}

func changed(c *conformant, change edit) *conformant {
	if change != nil {
		change(c)
	}
	return c
}

// logged is a statement with an entry of the first kind (intoto, dsse or hashedrekord), made by entry of a good one's parts.
func (s suite) logged(t *testing.T, at time.Time, entry func(*parts, time.Time) map[string]any, change edit) *conformant {
	p := s.signed(statementOf(statementV1))
	p.stamps, p.entries = nil, []map[string]any{entry(p, at)}
	return changed(s.of(t, p.bundle(t, nil), "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer), change)
}

func (s suite) intoto(p *parts, at time.Time) map[string]any {
	sum := sha256.Sum256(p.payload)
	value := map[string]string{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	return s.forge.logged(s.logs[0], "intoto", "0.0.2", map[string]any{"content": map[string]any{
		"envelope": map[string]any{"payloadType": signing.PayloadType, "signatures": []any{map[string]any{
			"publicKey": pemOf(p.leaf), "sig": []byte(base64.StdEncoding.EncodeToString(p.sig))}}},
		"hash": value, "payloadHash": value,
	}}, at)
}

func (s suite) dsseV1(p *parts, at time.Time) map[string]any {
	return s.entryV1(s.logs[0], p.payload, p.sig, pemOf(p.leaf), at)
}

func (s suite) rekordV1(p *parts, at time.Time) map[string]any {
	sum := sha256.Sum256(dsse.PAE(signing.PayloadType, p.payload))
	return s.messageV1(s.logs[0], sum[:], p.sig, pemOf(p.leaf), at)
}

// otherwise is entry made of good parts that change changed; the bundle has them as they were.
func otherwise(entry func(*parts, time.Time) map[string]any, change func(*parts)) func(*parts, time.Time) map[string]any {
	return func(p *parts, at time.Time) map[string]any {
		q := *p
		change(&q)
		return entry(&q, at)
	}
}

// again signs p's payload once more with p's key: as good a signature, and another one.
func (s suite) again(p *parts) {
	sum := sha256.Sum256(dsse.PAE(signing.PayloadType, p.payload))
	var err error
	p.sig, err = p.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	s.check(err)
}

// keyed is a message signed with a key, with an entry of the first kind.
func (s suite) keyed(t *testing.T, change edit) *conformant {
	key := s.newKey()
	sig, err := key.Sign(rand.Reader, sumOf(content), crypto.SHA256)
	s.check(err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	s.check(err)
	public, hint := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), sha256.Sum256(der)
	c := s.keyCase(t, statementOf(statementV1))
	delete(c.bundle, "dsseEnvelope")
	c.bundle["messageSignature"] = map[string]any{"messageDigest": map[string]any{"algorithm": "SHA2_256", "digest": sumOf(content)}, "signature": sig}
	c.material()["publicKey"] = map[string]any{"hint": hint[:]}
	c.material()["tlogEntries"] = []any{s.messageV1(s.logs[0], sumOf(content), sig, public, s.now)}
	c.args = []string{"--key", c.write("key.pub", public)}
	return changed(c, change)
}

// note signs a checkpoint's text under each name, with that log's key.
func (s suite) note(text string, by ...*forgedLog) string {
	s.t.Helper()
	signers := make([]note.Signer, 0, len(by))
	for _, l := range by {
		sv, err := signature.LoadECDSASignerVerifier(l.key, crypto.SHA256)
		s.check(err)
		signer, err := tilesnote.NewNoteSigner(s.t.Context(), l.name, sv)
		s.check(err)
		signers = append(signers, signer)
	}
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	s.check(err)
	return string(signed)
}

// checkpoint makes an edit that writes the checkpoint of a case's entry anew.
func checkpoint(anew func(text string) string) edit {
	return func(c *conformant) {
		at := c.entry()["inclusionProof"].(map[string]any)["checkpoint"].(map[string]any)
		text, _, _ := strings.Cut(at["envelope"].(string), "\n\n")
		at["envelope"] = anew(text + "\n")
	}
}

// without is text less its line i.
func without(text string, i int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(append(lines[:i:i], lines[i+1:]...), "")
}

// spoiltSignature is a note whose last signature has another last byte.
func spoiltSignature(signed string) string {
	at := strings.LastIndex(signed, " ") + 1
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signed[at:]))
	if err != nil {
		panic(err)
	}
	sig[len(sig)-1] ^= 1
	return signed[:at] + base64Of(sig) + "\n"
}

func (s suite) signatureOf(key *ecdsa.PrivateKey, digest []byte) []byte {
	sig, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	s.check(err)
	return sig
}

// windowOf makes an edit that has a root's first authority of a kind be believed for one day of long ago.
func (s suite) windowOf(kind string) edit {
	return func(c *conformant) {
		c.root = s.trustedRoot(func(r map[string]any) { firstOf(r, kind)["validFor"] = over() })
	}
}

func over() map[string]any {
	return map[string]any{"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
}

func firstOf(root map[string]any, key string) map[string]any {
	return root[key].([]any)[0].(map[string]any)
}

// described is a log as a trusted root has it.
func (s suite) described(l *forgedLog) map[string]any {
	der, err := x509.MarshalPKIXPublicKey(l.key.Public())
	s.check(err)
	return map[string]any{"baseUrl": "https://" + l.name, "hashAlgorithm": "SHA2_256", "logId": map[string]any{"keyId": l.id(s.t)},
		"publicKey": map[string]any{"rawBytes": der, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": map[string]any{"start": s.now.Add(-hour).Format(time.RFC3339)}}}
}

// stamps gives c these timestamps.
func (c *conformant) stamps(stamps ...[]byte) {
	list := make([]any, 0, len(stamps))
	for _, stamp := range stamps {
		list = append(list, map[string]any{"signedTimestamp": stamp})
	}
	c.material()["timestampVerificationData"] = map[string]any{"rfc3161Timestamps": list}
}

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

package signing_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	tilesnote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
)

// intotoParts are what the suite's case intoto-canonical-log-entry is made of, and what a test changes of it.
type intotoParts struct {
	key                        *signing.Signer
	statement                  string
	sig, payload, public, body []byte // as the log has them; body: nil: made of the others
	origin                     string
	size                       int
	log                        *forgedLog
	hash                       []byte // nil: of the body
}

// intotoCase is a key's bundle with an entry intoto 0.0.2 in a log whose checkpoints have a plain origin.
func (f *forge) intotoCase(t *testing.T, change func(*intotoParts)) *conformant {
	t.Helper()
	p := &intotoParts{key: signingtest.NewSigner(t, ""), statement: statementOf(`"_type":"https://in-toto.io/Statement/v1",`), origin: f.logs[0].name, size: 1, log: f.logs[0]}
	var bundle map[string]any
	f.check(json.Unmarshal(sign(t, p.key, p.statement), &bundle))
	sig, err := base64.StdEncoding.DecodeString(bundle["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["sig"].(string))
	f.check(err)
	p.sig, p.payload, p.public = sig, []byte(p.statement), p.key.Verifier().PEM()
	if change != nil {
		change(p)
	}
	sum := sha256.Sum256(p.payload)
	value := map[string]string{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	if p.body == nil {
		p.body, err = json.Marshal(map[string]any{"apiVersion": "0.0.2", "kind": "intoto", "spec": map[string]any{"content": map[string]any{
			"envelope": map[string]any{"payloadType": signing.PayloadType, "signatures": []any{map[string]any{
				"publicKey": p.public, "sig": []byte(base64.StdEncoding.EncodeToString(p.sig))}}},
			"hash": value, "payloadHash": value,
		}}})
		f.check(err)
	}
	leaf := sha256.Sum256(append([]byte{0}, p.body...))
	if p.hash == nil {
		p.hash = leaf[:]
	}
	sv, err := signature.LoadECDSASignerVerifier(p.log.key, crypto.SHA256)
	f.check(err)
	signer, err := tilesnote.NewNoteSigner(t.Context(), p.origin, sv)
	f.check(err)
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", p.origin, p.size, base64.StdEncoding.EncodeToString(p.hash))}, signer)
	f.check(err)
	c := f.of(t, sign(t, p.key, p.statement))
	c.args = []string{"--key", c.write("key.pub", p.key.Verifier().PEM())}
	c.material()["tlogEntries"] = []any{map[string]any{
		"logIndex": "0", "logId": map[string]any{"keyId": f.logs[0].id(t)}, "kindVersion": map[string]string{"kind": "intoto", "version": "0.0.2"},
		"integratedTime": "0", "canonicalizedBody": p.body,
		"inclusionProof": map[string]any{"logIndex": "0", "rootHash": p.hash, "treeSize": fmt.Sprint(p.size), "hashes": []any{},
			"checkpoint": map[string]string{"envelope": string(signed)}},
	}}
	return c
}

// TestConformanceIntoto: the class intoto-canonical-log-entry, and what must not pass with it: the log must vouch for this very entry, and the
// entry be for this very signature, key and payload.
func TestConformanceIntoto(t *testing.T) {
	f := newForge(t)
	for name, c := range map[string]struct {
		change func(*intotoParts)
		after  func(*conformant)
		want   int
	}{
		"the suite's":       {},
		"another signature": {change: func(p *intotoParts) { p.sig = []byte("another") }, want: 1},
		"another payload":   {change: func(p *intotoParts) { p.payload = []byte("another") }, want: 1},
		"another key":       {change: func(p *intotoParts) { p.public = signingtest.NewSigner(t, "").Verifier().PEM() }, want: 1},
		"no key":            {change: func(p *intotoParts) { p.public = []byte("none") }, want: 1},
		"another log's key": {change: func(p *intotoParts) { p.log = f.logs[1] }, want: 1},
		"another origin":    {change: func(p *intotoParts) { p.origin = "evil.example" }, want: 1},
		"another tree":      {change: func(p *intotoParts) { p.hash = sumOf("another") }, want: 1},
		"another size":      {change: func(p *intotoParts) { p.size = 2 }, want: 1},
		"another entry": {after: func(c *conformant) {
			c.entry()["canonicalizedBody"] = f.intotoCase(t, nil).entry()["canonicalizedBody"]
		}, want: 1},
		"an unknown log": {after: func(c *conformant) { c.entry()["logId"] = map[string]any{"keyId": sumOf("unknown")} }, want: 1},
		"a promise by nobody": {after: func(c *conformant) {
			c.entry()["inclusionPromise"] = map[string]any{"signedEntryTimestamp": []byte("x")}
		}, want: 1},
		"twice": {after: func(c *conformant) {
			c.material()["tlogEntries"] = []any{c.entry(), f.intotoCase(t, nil).entry()}
		}, want: 1},
		"another artifact": {after: func(c *conformant) { c.write("a.txt", []byte("b")) }, want: 1},
		"another statement": {after: func(c *conformant) {
			c.bundle["dsseEnvelope"] = f.keyCase(t, statementOf(`"_type":"https://in-toto.io/Statement/v1",`)).bundle["dsseEnvelope"]
		}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			made := f.intotoCase(t, c.change)
			if c.after != nil {
				c.after(made)
			}
			if code, out := made.run(); code != c.want {
				t.Errorf("exit %d, want %d: %s", code, c.want, out)
			}
		})
	}
}

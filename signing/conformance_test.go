package signing_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/conformance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
)

// conformant is a case for the conformance client, in files: the classes of sigstore-conformance's test/assets/bundle-verify, made with a
// forged instance instead of its data.
type conformant struct {
	t      *testing.T
	f      *forge
	dir    string
	bundle map[string]any
	root   []byte
	raw    []byte   // the bundle's bytes; nil: bundle's
	args   []string // before the artifact
	file   string   // FILE|DIGEST
}

const content = "a.txt's content\n"

// of makes a case of a bundle that signs content.
func (f *forge) of(t *testing.T, raw []byte, args ...string) *conformant {
	t.Helper()
	c := &conformant{t: t, f: f, dir: t.TempDir(), root: f.trustedRoot(nil), args: args}
	if err := json.Unmarshal(raw, &c.bundle); err != nil {
		t.Fatal(err)
	}
	c.file = c.write("a.txt", []byte(content))
	return c
}

func (c *conformant) write(name string, data []byte) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// run gives the client's exit code.
func (c *conformant) run() (int, string) {
	c.t.Helper()
	raw, err := json.Marshal(c.bundle)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.raw != nil {
		raw = c.raw
	}
	args := append([]string{"verify-bundle", "--bundle", c.write("bundle.sigstore.json", raw)}, c.args...)
	var out bytes.Buffer
	code := conformance.Main(append(args, "--trusted-root", c.write("trusted_root.json", c.root), c.file), &out)
	return code, out.String()
}

func (c *conformant) material() map[string]any {
	return c.bundle["verificationMaterial"].(map[string]any)
}

func (c *conformant) entry() map[string]any {
	return c.material()["tlogEntries"].([]any)[0].(map[string]any)
}

func sumOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func statementOf(typ string) string {
	return `{` + typ + `"subject":[{"name":"a.txt","digest":{"sha256":"` + hex.EncodeToString(sumOf(content)) + `"}}],"predicateType":"https://example.com/test","predicate":{}}`
}

// The kinds of bundle that the suite has.
func (f *forge) dsseCase(t *testing.T) *conformant {
	return f.of(t, f.signed(statementOf(`"_type":"https://in-toto.io/Statement/v1",`)).bundle(t, nil), "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer)
}

func (f *forge) messageCase(t *testing.T) *conformant { return f.messageBy(t, f.signed("")) }

// messageBy is the same, signed with p's key under p's certificate.
func (f *forge) messageBy(t *testing.T, p *parts) *conformant {
	sig, err := p.key.Sign(rand.Reader, sumOf(content), crypto.SHA256)
	f.check(err)
	p.sig, p.stamps = sig, [][]byte{f.stamp(sig, f.now)}
	p.entries = []map[string]any{f.entry(f.logs[0], sumOf(content), sig, p.leaf, nil, nil)}
	c := f.of(t, p.bundle(t, nil), "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer)
	delete(c.bundle, "dsseEnvelope")
	c.bundle["messageSignature"] = map[string]any{"messageDigest": map[string]any{"algorithm": "SHA2_256", "digest": sumOf(content)}, "signature": sig}
	return c
}

// oldCase is a bundle of an older media type: a chain of one, an entry of a log of the first kind, no timestamp.
func (f *forge) oldCase(t *testing.T, version string) *conformant {
	p := f.signed("")
	sig, err := p.key.Sign(rand.Reader, sumOf(content), crypto.SHA256)
	f.check(err)
	p.stamps, p.entries = nil, []map[string]any{f.messageV1(f.logs[0], sumOf(content), sig, pemOf(p.leaf), f.now)}
	chain := map[string]any{"certificates": []any{map[string]any{"rawBytes": p.leaf.Raw}}}
	c := f.of(t, p.bundle(t, map[string]any{"certificate": nil, "x509CertificateChain": chain}), "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer)
	delete(c.bundle, "dsseEnvelope")
	c.bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=" + version
	c.bundle["messageSignature"] = map[string]any{"messageDigest": map[string]any{"algorithm": "SHA2_256", "digest": sumOf(content)}, "signature": sig}
	return c
}

// keyCase is a key's bundle over a statement: no log, no time.
func (f *forge) keyCase(t *testing.T, statement string) *conformant {
	key := signingtest.NewSigner(t, "")
	c := f.of(t, sign(t, key, statement))
	c.args = []string{"--key", c.write("key.pub", key.Verifier().PEM())}
	return c
}

// TestConformance: every class of the suite that can be made here. A name that ends in _fail must be refused.
func TestConformance(t *testing.T) {
	f, stranger := newForge(t), newForge(t)
	v1 := `"_type":"https://in-toto.io/Statement/v1",`
	dsse := func(change func(*conformant)) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			c := f.dsseCase(t)
			change(c)
			return c
		}
	}
	message := func(change func(*conformant)) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			c := f.messageCase(t)
			change(c)
			return c
		}
	}
	old := func(version string, change func(*conformant)) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			c := f.oldCase(t, version)
			change(c)
			return c
		}
	}
	key := func(statement string, change func(*conformant)) func(*testing.T) *conformant {
		return func(t *testing.T) *conformant {
			c := f.keyCase(t, statement)
			change(c)
			return c
		}
	}
	window := func(change func(root map[string]any)) func(*conformant) {
		return func(c *conformant) { c.root = f.trustedRoot(change) }
	}
	over := map[string]any{"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
	none := func(*conformant) {}
	first := func(root map[string]any, key string) map[string]any { return root[key].([]any)[0].(map[string]any) }
	cases := map[string]func(*testing.T) *conformant{
		"happy-path-dsse": dsse(none), "happy-path-message": message(none), "happy-path-v0.1": old("0.1", none), "happy-path-v0.2": old("0.2", none), "happy-path-v0.3-old-type": old("0.3", func(c *conformant) {
			certs := c.material()["x509CertificateChain"].(map[string]any)["certificates"].([]any)
			delete(c.material(), "x509CertificateChain")
			c.material()["certificate"] = certs[0]
		}),
		"digest":            dsse(func(c *conformant) { c.file = "sha256:" + hex.EncodeToString(sumOf(content)) }),
		"digest-of-message": message(func(c *conformant) { c.file = "sha256:" + hex.EncodeToString(sumOf(content)) }),
		"managed-key":       key(statementOf(v1), none),
		"managed-key-and-trusted-root": key(statementOf(v1), func(c *conformant) {
			c.root = []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`)
		}),
		"statement-v0.1": key(statementOf(`"_type":"https://in-toto.io/Statement/v0.1",`), none),
		"base64-url-alphabet": dsse(func(c *conformant) {
			e := c.bundle["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)
			e["sig"] = strings.NewReplacer("+", "-", "/", "_").Replace(e["sig"].(string))
		}),
		"v0.1-promise-only": old("0.1", func(c *conformant) { delete(c.entry(), "inclusionProof") }),
		"trust-root-tsa-validity-end-inclusive": dsse(window(func(r map[string]any) {
			first(r, "timestampAuthorities")["validFor"] = map[string]any{"start": f.now.Add(-time.Hour).Format(time.RFC3339), "end": f.now.Format(time.RFC3339)}
		})),
		"trust-root-tlog-validity-end-inclusive": old("0.2", window(func(r map[string]any) {
			first(r, "tlogs")["publicKey"].(map[string]any)["validFor"] = map[string]any{"start": f.now.Add(-time.Hour).Format(time.RFC3339), "end": f.now.Format(time.RFC3339)}
		})),

		"wrong-artifact_fail":                  dsse(func(c *conformant) { c.write("a.txt", []byte("b")) }),
		"wrong-artifact-message_fail":          message(func(c *conformant) { c.write("a.txt", []byte("b")) }),
		"wrong-digest_fail":                    dsse(func(c *conformant) { c.file = "sha256:" + strings.Repeat("00", 32) }),
		"no-artifact_fail":                     dsse(func(c *conformant) { c.file = "sha256:00" }),
		"wrong-identity_fail":                  dsse(func(c *conformant) { c.args[1] = "other@selfsame.example" }),
		"wrong-issuer_fail":                    dsse(func(c *conformant) { c.args[3] = forgedIssuer + "/" }),
		"no-issuer_fail":                       dsse(func(c *conformant) { c.args = c.args[:2] }),
		"no-identity_fail":                     dsse(func(c *conformant) { c.args = nil }),
		"other-trusted-root_fail":              dsse(func(c *conformant) { c.root = stranger.trustedRoot(nil) }),
		"managed-key-and-client-identity_fail": key(statementOf(v1), func(c *conformant) { c.args = append(c.args, "--certificate-identity", forgedSubject) }),
		"managed-key-wrong-key_fail":           key(statementOf(v1), func(c *conformant) { c.write("key.pub", signingtest.NewSigner(t, "").Verifier().PEM()) }),
		"managed-key-for-certificate_fail": dsse(func(c *conformant) {
			c.args = []string{"--key", c.write("key.pub", signingtest.NewSigner(t, "").Verifier().PEM())}
		}),
		"identity-for-managed-key_fail": key(statementOf(v1), func(c *conformant) {
			c.args = []string{"--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer}
		}),
		"dsse-statement-missing-type_fail": key(statementOf(""), none),
		"dsse-statement-unknown-type_fail": key(statementOf(`"_type":"https://in-toto.io/Statement/v2",`), none),
		"dsse-duplicate-key_fail":          dsse(func(c *conformant) { c.payload(f, statementOf(v1+`"predicateType":"https://example.com/other",`)) }),
		"dsse-two-signatures_fail": dsse(func(c *conformant) {
			e := c.bundle["dsseEnvelope"].(map[string]any)
			e["signatures"] = append(e["signatures"].([]any), e["signatures"].([]any)[0])
		}),
		"dsse-no-signature_fail": dsse(func(c *conformant) { c.bundle["dsseEnvelope"].(map[string]any)["signatures"] = []any{} }),
		"dsse-payload-type_fail": dsse(func(c *conformant) { c.bundle["dsseEnvelope"].(map[string]any)["payloadType"] = "application/json" }),
		"dsse-mismatch-envelope_fail": dsse(func(c *conformant) {
			c.bundle["dsseEnvelope"].(map[string]any)["payload"] = []byte(statementOf(v1) + " ")
		}),
		"dsse-mismatch-sig_fail": dsse(func(c *conformant) {
			c.bundle["dsseEnvelope"].(map[string]any)["signatures"] = f.dsseCase(t).bundle["dsseEnvelope"].(map[string]any)["signatures"]
		}),
		"message-invalid-signature_fail": message(func(c *conformant) {
			c.bundle["messageSignature"].(map[string]any)["signature"] = f.messageCase(t).bundle["messageSignature"].(map[string]any)["signature"]
		}),
		"message-digest-mismatch_fail": message(func(c *conformant) {
			c.bundle["messageSignature"].(map[string]any)["messageDigest"].(map[string]any)["digest"] = sumOf("x")
		}),
		"message-digest-algorithm_fail": message(func(c *conformant) {
			c.bundle["messageSignature"].(map[string]any)["messageDigest"].(map[string]any)["algorithm"] = "MD5"
		}),
		"message-and-envelope_fail":         dsse(func(c *conformant) { c.bundle["messageSignature"] = f.messageCase(t).bundle["messageSignature"] }),
		"neither-message-nor-envelope_fail": dsse(func(c *conformant) { delete(c.bundle, "dsseEnvelope") }),
		"media-type-unknown_fail":           dsse(func(c *conformant) { c.bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json" }),
		"media-type-missing_fail":           dsse(func(c *conformant) { delete(c.bundle, "mediaType") }),
		"unknown-field_fail":                dsse(func(c *conformant) { c.bundle["x"] = 1 }),
		"no-certificate_fail":               dsse(func(c *conformant) { delete(c.material(), "certificate") }),
		"chain-in-v0.3_fail": dsse(func(c *conformant) {
			c.material()["x509CertificateChain"] = map[string]any{"certificates": []any{c.material()["certificate"]}}
			delete(c.material(), "certificate")
		}),
		"v0.1-no-promise_fail":         old("0.1", func(c *conformant) { delete(c.entry(), "inclusionPromise") }),
		"v0.2-no-proof_fail":           old("0.2", func(c *conformant) { delete(c.entry(), "inclusionProof") }),
		"invalid-set_fail":             old("0.2", func(c *conformant) { c.entry()["inclusionPromise"] = f.oldCase(t, "0.2").entry()["inclusionPromise"] }),
		"set-from-the-future_fail":     old("0.2", func(c *conformant) { c.entry()["integratedTime"] = "9999999999" }),
		"invalid-inclusion-proof_fail": old("0.2", func(c *conformant) { c.entry()["inclusionProof"].(map[string]any)["rootHash"] = sumOf("x") }),
		"swapped-tlog-entry_fail":      old("0.2", func(c *conformant) { c.material()["tlogEntries"] = f.oldCase(t, "0.2").material()["tlogEntries"] }),
		"wrong-hashedrekord_fail":      message(func(c *conformant) { c.material()["tlogEntries"] = f.messageCase(t).material()["tlogEntries"] }),
		"checkpoint-missing_fail":      message(func(c *conformant) { delete(c.entry()["inclusionProof"].(map[string]any), "checkpoint") }),
		"no-log-entry_fail":            message(func(c *conformant) { delete(c.material(), "tlogEntries") }),
		"no-timestamp_fail":            message(func(c *conformant) { delete(c.material(), "timestampVerificationData") }),
		"timestamp-of-another-signature_fail": message(func(c *conformant) {
			c.material()["timestampVerificationData"] = f.messageCase(t).material()["timestampVerificationData"]
		}),
		"timestamp-untrusted-tsa_fail":                   message(window(func(r map[string]any) { delete(r, "timestampAuthorities") })),
		"timestamp-outside-trust-root-tsa-validity_fail": message(window(func(r map[string]any) { first(r, "timestampAuthorities")["validFor"] = over })),
		"timestamp-wrong-tsa-validity-borrow_fail": message(window(func(r map[string]any) {
			borrowed := map[string]any{"uri": "https://x", "certChain": map[string]any{"certificates": []any{}}, "validFor": first(r, "timestampAuthorities")["validFor"]}
			first(r, "timestampAuthorities")["validFor"] = over
			r["timestampAuthorities"] = append(r["timestampAuthorities"].([]any), borrowed)
		})),
		"multiple-timestamps-one-outside-cert-validity_fail": message(func(c *conformant) {
			sig := c.bundle["messageSignature"].(map[string]any)["signature"].([]byte)
			late := map[string]any{"signedTimestamp": f.stamp(sig, f.now.Add(15*time.Minute))}
			// Of another authority, since a second time of one is left out.
			two := f.second()
			c.root = f.trustedRoot(func(r map[string]any) {
				r["timestampAuthorities"] = append(r["timestampAuthorities"].([]any), two.authority())
			})
			late["signedTimestamp"] = two.stamp(sig, f.now.Add(15*time.Minute))
			d := c.material()["timestampVerificationData"].(map[string]any)
			d["rfc3161Timestamps"] = append(d["rfc3161Timestamps"].([]any), late)
		}),
		"integrated-time-outside-trust-root-tlog-validity_fail": old("0.2", window(func(r map[string]any) { first(r, "tlogs")["publicKey"].(map[string]any)["validFor"] = over })),
		"certificate-outside-trust-root-ca-validity_fail":       message(window(func(r map[string]any) { first(r, "certificateAuthorities")["validFor"] = over })),
		"trust-root-tlog-missing-validity-start_fail":           old("0.2", window(func(r map[string]any) { first(r, "tlogs")["publicKey"].(map[string]any)["validFor"] = map[string]any{} })),
		"trust-root-sct-demanded_fail":                          dsse(window(func(r map[string]any) { r["ctlogs"] = r["tlogs"] })),
		"staging_fail":                                          dsse(func(c *conformant) { c.args = append([]string{"--staging"}, c.args...) }),
	}
	passed := 0
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			code, out := make(t).run()
			want := 0
			if strings.HasSuffix(name, "_fail") {
				want = 1
			}
			if code != want {
				t.Errorf("exit %d, want %d: %s", code, want, out)
			}
			if code == 0 {
				passed++
			}
			if code != 0 && strings.HasPrefix(out, "verified:") {
				t.Error(out)
			}
		})
	}
	t.Logf("%d classes, %d of which pass", len(cases), passed)
}

// payload signs another one in c's stead, with all that goes with it.
func (c *conformant) payload(f *forge, payload string) {
	raw := f.signed(payload).bundle(c.t, nil)
	c.bundle = nil
	if err := json.Unmarshal(raw, &c.bundle); err != nil {
		c.t.Fatal(err)
	}
}

// second is an instance with a timestamp authority of its own.
func (f *forge) second() *forge {
	other := newForge(f.t)
	other.now = f.now
	return other
}

// authority is f's timestamp authority as a trusted root has it.
func (f *forge) authority() map[string]any {
	var root map[string]any
	f.check(json.Unmarshal(f.trustedRoot(nil), &root))
	a := root["timestampAuthorities"].([]any)[0].(map[string]any)
	a["uri"] = "https://second"
	return a
}

// The protocol's edges, and the public instance's root: it is read, dated and says no to a stranger.
func TestConformanceClient(t *testing.T) {
	f := newForge(t)
	c := f.dsseCase(t)
	raw, err := json.Marshal(c.bundle)
	f.check(err)
	bundle := c.write("b.json", raw)
	var out bytes.Buffer
	for _, args := range [][]string{
		nil, {"help"}, {"sign-bundle"}, {"verify-bundle"}, {"verify-bundle", "--bundle", bundle}, {"verify-bundle", "--bundle", bundle, "--key", "none", c.file},
		{"verify-bundle", "--bundle", bundle, "--certificate-identity", forgedSubject, "--certificate-oidc-issuer", forgedIssuer, c.file},
		{"verify-bundle", "--bundle", filepath.Join(c.dir, "none"), "--certificate-identity", "x", "--certificate-oidc-issuer", "y", c.file},
	} {
		out.Reset()
		if code := conformance.Main(args, &out); code != 1 || out.Len() == 0 {
			t.Errorf("%v: exit %d, %s", args, code, out.String())
		}
	}
	if _, err := (signing.Trust{}).VerifyArtifact(raw, signing.Artifact{SHA256: sumOf(content)}); err == nil {
		t.Error("verifies without a root")
	}
}

package signing_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

var forgedParty = trust.Party{Identity: trust.Identity{Issuer: forgedIssuer, Subject: forgedSubject}}

// wantGood: the bundle verifies, and says what was signed, by whom and when.
func wantGood(t *testing.T, r *signing.Root, bundle []byte, at time.Time) {
	t.Helper()
	got, err := signing.Trust{Root: r}.Verify(bundle)
	if err != nil || string(got.Payload) != statement || got.By != forgedParty || !got.Time.Equal(at) {
		t.Errorf("%s by %v at %v, want %v; %v", got.Payload, got.By, got.Time, at, err)
	}
}

func wantRefused(t *testing.T, r *signing.Root, bundle []byte, code diag.Code) {
	t.Helper()
	got, err := signing.Trust{Root: r}.Verify(bundle)
	wantCode(t, err, code)
	if got.Payload != nil || !got.Time.IsZero() {
		t.Errorf("refused, and gave a payload or a time all the same: %v", got)
	}
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestCertificate(t *testing.T) {
	f := newForge(t)
	r, p := f.loadRoot(), f.signed(statement)
	good := p.bundle(t, nil)
	wantGood(t, r, good, f.now)

	// Without a root it is of another kind, which spoils nothing.
	_, err := signing.Trust{}.Verify(good)
	wantCode(t, err, "A0508")
	if !errors.Is(err, signing.ErrOtherKind) {
		t.Error(err)
	}
	// A log of the first kind has a time of its own.
	p.entries = []map[string]any{f.entryV1(f.logs[1], p.payload, p.sig, pemOf(p.leaf), f.now.Add(-30*time.Second))}
	p.stamps = nil
	wantGood(t, r, p.bundle(t, nil), f.now.Add(-30*time.Second))
	// Of two times the earlier counts.
	p.stamps = [][]byte{f.stamp(p.sig, f.now)}
	wantGood(t, r, p.bundle(t, nil), f.now.Add(-30*time.Second))
	// An instance of one's own may have an intermediate authority that only bundles bring along; its root they must not.
	f.resign(p)
	own := f.trustedRoot(func(root map[string]any) {
		ca := root["certificateAuthorities"].([]any)[0].(map[string]any)
		ca["certChain"] = map[string]any{"certificates": []any{map[string]any{"rawBytes": f.root.Raw}}}
	})
	rootOnly, err := signing.LoadRoot(own)
	if err != nil {
		t.Fatal(err)
	}
	chain := func(certs ...*x509.Certificate) []byte {
		var list []any
		for _, c := range certs {
			list = append(list, map[string]any{"rawBytes": c.Raw})
		}
		return p.bundle(t, map[string]any{"certificate": nil, "x509CertificateChain": map[string]any{"certificates": list}})
	}
	wantGood(t, rootOnly, chain(p.leaf, f.ca), f.now)
	wantRefused(t, rootOnly, chain(p.leaf), "A0555")
	wantRefused(t, rootOnly, chain(p.leaf, f.ca, f.root), "A0555")
	wantRefused(t, rootOnly, chain(f.ca, p.leaf), "A0555")
	wantRefused(t, r, chain(p.leaf, f.ca, f.ca, f.ca, f.ca, f.ca, f.ca, f.ca, f.ca), "A0505")
	// A log for certificates in the root is demanded of every certificate.
	withCT, err := signing.LoadRoot(f.trustedRoot(func(root map[string]any) { root["ctlogs"] = root["tlogs"] }))
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, withCT, good, "A0555")
}

func TestCertificateRefusals(t *testing.T) {
	f, stranger := newForge(t), newForge(t)
	r := f.loadRoot()
	for name, c := range map[string]struct {
		change   func(*parts)
		material map[string]any
		want     diag.Code
	}{
		"no log entry":              {func(p *parts) { p.entries = nil }, nil, "A0555"},
		"no time":                   {func(p *parts) { p.stamps = nil }, nil, "A0555"},
		"another instance's CA":     {func(p *parts) { p.leaf = stranger.leaf(p.key, forgedSubject, forgedIssuer, f.now); f.resign(p) }, nil, "A0555"},
		"another instance's TSA":    {func(p *parts) { p.stamps = [][]byte{stranger.stamp(p.sig, f.now)} }, nil, "A0555"},
		"a certificate, no issuer":  {func(p *parts) { p.leaf = f.leaf(p.key, forgedSubject, "", f.now.Add(-time.Minute)); f.resign(p) }, nil, "A0555"},
		"the CA's own certificate":  {func(p *parts) { p.leaf, p.key = f.ca, f.caKey; f.resign(p) }, nil, "A0555"},
		"payload changed":           {func(p *parts) { p.payload = []byte(strings.Replace(statement, "app", "apq", 1)) }, nil, "A0555"},
		"certificate and key":       {nil, map[string]any{"publicKey": map[string]any{"hint": "x"}}, "A0505"},
		"certificate and chain":     {nil, map[string]any{"x509CertificateChain": map[string]any{}}, "A0505"},
		"no certificate in it":      {nil, map[string]any{"certificate": map[string]any{"rawBytes": ""}}, "A0555"},
		"an unknown field in it":    {nil, map[string]any{"certificate": map[string]any{"rawBytes": "", "x": 1}}, "A0505"},
		"an unknown field of a log": {func(p *parts) { p.entries[0]["x"] = 1 }, nil, "A0505"},
		"a log index that is none":  {func(p *parts) { p.entries[0]["logIndex"] = "01" }, nil, "A0505"},
		"33 log entries": {func(p *parts) {
			for len(p.entries) < 33 {
				p.entries = append(p.entries, p.entries[0])
			}
		}, nil, "A0505"},
		"33 timestamps": {func(p *parts) {
			for len(p.stamps) < 33 {
				p.stamps = append(p.stamps, p.stamps[0])
			}
		}, nil, "A0555"},
		"a body that is no entry": {func(p *parts) { p.entries[0]["canonicalizedBody"] = []byte(`{"kind":"dsse"}`) }, nil, "A0505"},
	} {
		t.Run(name, func(t *testing.T) {
			p := f.signed(statement)
			if c.change != nil {
				c.change(p)
			}
			wantRefused(t, r, p.bundle(t, c.material), c.want)
		})
	}
	t.Run("a payload that is no strict JSON", func(t *testing.T) {
		wantRefused(t, r, f.signed(`{"_type":"x","subject":[],"predicateType":"x","predicate":{"a":1,"a":2}}`).bundle(t, nil), "A0505")
	})
}

// CVE-2022-23649, CVE-2022-36056, CVE-2024-51746, CVE-2026-22703: the entry is for another signature, artifact or key.
func TestN1EntryForSomethingElse(t *testing.T) {
	f := newForge(t)
	r := f.loadRoot()
	other := f.signed(strings.Replace(statement, "app", "abc", 1))
	for name, change := range map[string]func(p *parts){
		"artifact and signature": func(p *parts) { p.entries = other.entries },
		"signature": func(p *parts) {
			p.entries = []map[string]any{f.entry(f.logs[0], p.digest, other.sig, p.leaf, nil, nil)}
		},
		"artifact": func(p *parts) {
			p.entries = []map[string]any{f.entry(f.logs[0], other.digest, p.sig, p.leaf, nil, nil)}
		},
		"key": func(p *parts) {
			p.entries = []map[string]any{f.entry(f.logs[0], p.digest, p.sig, other.leaf, nil, nil)}
		},
		"v1: artifact": func(p *parts) {
			p.entries = []map[string]any{f.entryV1(f.logs[0], other.payload, p.sig, pemOf(p.leaf), f.now)}
		},
		"v1: signature": func(p *parts) {
			p.entries = []map[string]any{f.entryV1(f.logs[0], p.payload, other.sig, pemOf(p.leaf), f.now)}
		},
		"v1: key": func(p *parts) {
			p.entries = []map[string]any{f.entryV1(f.logs[0], p.payload, p.sig, pemOf(other.leaf), f.now)}
		},
		"timestamp of another signature": func(p *parts) { p.stamps = other.stamps },
		// The body of the right entry over the proof of another.
		"proof of another": func(p *parts) { p.entries[0]["inclusionProof"] = other.entries[0]["inclusionProof"] },
	} {
		t.Run(name, func(t *testing.T) {
			p := f.signed(statement)
			wantGood(t, r, p.bundle(t, nil), f.now)
			change(p)
			wantRefused(t, r, p.bundle(t, nil), "A0555")
		})
	}
}

// CVE-2026-49834: one log, or one authority, counted several times. An entry that is there twice is refused; a second timestamp of one
// authority adds no time.
func TestN2OneLogTwice(t *testing.T) {
	f := newForge(t)
	r, p := f.loadRoot(), f.signed(statement)
	p.entries = append(p.entries, p.entries[0])
	wantRefused(t, r, p.bundle(t, nil), "A0555")
	p.entries = p.entries[:1]
	p.stamps = append(p.stamps, f.stamp(p.sig, f.now.Add(-time.Minute)))
	wantGood(t, r, p.bundle(t, nil), f.now)
	// Beside a good entry, one of a log that nobody knows counts neither way.
	unknown := &forgedLog{name: "three.log.example", key: f.newKey()}
	p.entries = append(p.entries, f.entry(unknown, p.digest, p.sig, p.leaf, nil, nil))
	wantGood(t, r, p.bundle(t, nil), f.now)
	p.entries = p.entries[1:]
	wantRefused(t, r, p.bundle(t, nil), "A0555")
}

// CVE-2026-54787, CVE-2026-24122: a time outside of what certificate, authority or log may be believed for.
func TestN3TimesOutsideWindows(t *testing.T) {
	day := 24 * hour
	for name, change := range map[string]func(f *forge, p *parts){
		"before the certificate":       func(f *forge, p *parts) { p.stamps = [][]byte{f.stamp(p.sig, f.now.Add(-5*time.Minute))} },
		"after the certificate":        func(f *forge, p *parts) { p.stamps = [][]byte{f.stamp(p.sig, f.now.Add(15*time.Minute))} },
		"a clock a day ahead":          func(f *forge, p *parts) { p.stamps = [][]byte{f.stamp(p.sig, f.now.Add(day))} },
		"a clock a day behind":         func(f *forge, p *parts) { p.stamps = [][]byte{f.stamp(p.sig, f.now.Add(-day))} },
		"after the CA's window":        func(f *forge, _ *parts) { f.caWindow.end = f.now.Add(-time.Second) },
		"before the CA's window":       func(f *forge, _ *parts) { f.caWindow.start = f.now.Add(time.Second) },
		"after the TSA's window":       func(f *forge, _ *parts) { f.tsaWindow.end = f.now.Add(-time.Second) },
		"before the TSA's window":      func(f *forge, _ *parts) { f.tsaWindow.start = f.now.Add(time.Second) },
		"after the log's window":       func(f *forge, _ *parts) { f.logs[0].window.end = f.now.Add(-time.Second) },
		"before the log's window":      func(f *forge, _ *parts) { f.logs[0].window.start = f.now.Add(time.Second) },
		"v1: after the log's window":   func(f *forge, p *parts) { f.v1(p, f.now); f.logs[0].window.end = f.now.Add(-time.Second) },
		"v1: before the certificate":   func(f *forge, p *parts) { f.v1(p, f.now.Add(-5*time.Minute)) },
		"v1: another time than signed": func(f *forge, p *parts) { f.v1(p, f.now); p.entries[0]["integratedTime"] = "1" },
		// The window of a log that did not sign is of no use to the one that did.
		"a window of another log": func(f *forge, p *parts) {
			f.logs[0].window.end = f.now.Add(-time.Second)
			forged := f.entry(f.logs[1], p.digest, p.sig, p.leaf, nil, nil)
			f.v1(p, f.now)
			forged["inclusionPromise"] = p.entries[0]["inclusionPromise"] // makes sigstore-go pass over it
			p.entries = append([]map[string]any{f.entry(f.logs[0], p.digest, p.sig, p.leaf, nil, nil)}, forged)
			p.stamps = [][]byte{f.stamp(p.sig, f.now)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForge(t)
			p := f.signed(statement)
			wantGood(t, f.loadRoot(), p.bundle(t, nil), f.now)
			change(f, p)
			wantRefused(t, f.loadRoot(), p.bundle(t, nil), "A0555")
		})
	}
	// The ends belong to a window (protobuf-specs, TimeRange).
	f := newForge(t)
	f.caWindow, f.tsaWindow, f.logs[0].window = window{f.now, f.now}, window{f.now, f.now}, window{f.now, f.now}
	wantGood(t, f.loadRoot(), f.signed(statement).bundle(t, nil), f.now)
}

// v1 gives p an entry of the first kind and no other time.
func (f *forge) v1(p *parts, at time.Time) {
	p.stamps, p.entries = nil, []map[string]any{f.entryV1(f.logs[0], p.payload, p.sig, pemOf(p.leaf), at)}
}

// CVE-2023-47122: keys come from the root alone. A bundle that another instance made in every part is refused, and there is nobody to
// ask: verifying takes no address and has no client. (TestN4NothingIsAsked has the signing side.)
func TestN4KeysOfAnotherInstance(t *testing.T) {
	f, stranger := newForge(t), newForge(t)
	wantRefused(t, f.loadRoot(), stranger.signed(statement).bundle(t, nil), "A0555")
}

// Checkpoints: sigstore-conformance's rekor2-checkpoint-*.
func TestN5Checkpoints(t *testing.T) {
	f := newForge(t)
	r := f.loadRoot()
	envelope := func(p *parts) map[string]string {
		return p.entries[0]["inclusionProof"].(map[string]any)["checkpoint"].(map[string]string)
	}
	lie := func(change func(origin *string, size *int, hash *[]byte)) func(*parts) {
		return func(p *parts) { p.entries = []map[string]any{f.entry(f.logs[0], p.digest, p.sig, p.leaf, nil, change)} }
	}
	edit := func(change func(string) string) func(*parts) {
		return func(p *parts) { envelope(p)["envelope"] = change(envelope(p)["envelope"]) }
	}
	for name, change := range map[string]func(*parts){
		"another origin": lie(func(o *string, _ *int, _ *[]byte) { *o = "three.log.example" }),
		"another size":   lie(func(_ *string, n *int, _ *[]byte) { *n = 3 }),
		"size 0":         lie(func(_ *string, n *int, _ *[]byte) { *n = 0 }),
		"another hash":   lie(func(_ *string, _ *int, h *[]byte) { *h = make([]byte, 32) }),
		"no hash":        lie(func(_ *string, _ *int, h *[]byte) { *h = nil }),
		"key hint": edit(func(s string) string {
			i := strings.LastIndexByte(s, ' ') + 1
			return s[:i] + "AAAA" + s[i+4:]
		}),
		"size changed after signing": edit(func(s string) string { return strings.Replace(s, "\n2\n", "\n4\n", 1) }),
		"no size":                    edit(func(s string) string { return strings.Replace(s, "\n2\n", "\n", 1) }),
		"no signature":               edit(func(s string) string { return s[:strings.Index(s, "—")] }),
		"cut off":                    edit(func(s string) string { return s[:len(s)/2] }),
		"index 0":                    func(p *parts) { p.entries[0]["logIndex"] = "0" },
		"index far out":              func(p *parts) { p.entries[0]["logIndex"] = "9223372036854775807" },
		"no hashes":                  func(p *parts) { delete(p.entries[0]["inclusionProof"].(map[string]any), "hashes") },
	} {
		t.Run(name, func(t *testing.T) {
			p := f.signed(statement)
			change(p)
			wantRefused(t, r, p.bundle(t, nil), "A0555")
		})
	}
	p := f.signed(statement)
	delete(p.entries[0], "inclusionProof")
	wantRefused(t, r, p.bundle(t, nil), "A0505")
	p = f.signed(statement)
	envelope(p)["envelope"] = ""
	wantRefused(t, r, p.bundle(t, nil), "A0505")
}

// A key's bundle gets a time from whom the root names, and from nobody else.
func TestTimeOfAKeysBundle(t *testing.T) {
	f, stranger := newForge(t), newForge(t)
	key := signingtest.NewSigner(t, "")
	plain := sign(t, key, statement)
	var b struct {
		Envelope struct {
			Signatures []struct{ Sig []byte }
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(plain, &b); err != nil {
		t.Fatal(err)
	}
	sig := b.Envelope.Signatures[0].Sig
	pub := key.Verifier().PEM()
	at := func(stamps [][]byte, entries ...map[string]any) time.Time {
		t.Helper()
		p := &parts{payload: []byte(statement), sig: sig, stamps: stamps, entries: entries}
		bundle := p.bundle(t, map[string]any{"publicKey": map[string]any{"hint": key.Key().Hint}})
		got, err := signing.Trust{Keys: []*signing.Verifier{key.Verifier()}, Root: f.loadRoot()}.Verify(bundle)
		if err != nil || got.By.Key != key.Key() || string(got.Payload) != statement {
			t.Fatalf("%v by %v", err, got.By)
		}
		if without, err := (signing.Trust{Keys: []*signing.Verifier{key.Verifier()}}).Verify(bundle); err != nil || !without.Time.IsZero() {
			t.Errorf("a time without a root: %v, %v", without.Time, err)
		}
		return got.Time
	}
	early := f.now.Add(-10 * time.Minute)
	for name, c := range map[string]struct{ got, want time.Time }{
		"nothing":               {at(nil), time.Time{}},
		"timestamp":             {at([][]byte{f.stamp(sig, early)}), early},
		"log":                   {at(nil, f.entryV1(f.logs[0], []byte(statement), sig, pub, early)), early},
		"both":                  {at([][]byte{f.stamp(sig, f.now)}, f.entryV1(f.logs[0], []byte(statement), sig, pub, early)), early},
		"a stranger's":          {at([][]byte{stranger.stamp(sig, early)}), time.Time{}},
		"of another signature":  {at([][]byte{f.stamp([]byte("x"), early)}), time.Time{}},
		"outside of the window": {at([][]byte{f.stamp(sig, f.now.Add(-2*hour))}), time.Time{}},
		"log of another key":    {at(nil, f.entryV1(f.logs[0], []byte(statement), sig, signingtest.NewSigner(t, "").Verifier().PEM(), early)), time.Time{}},
		"broken entry":          {at([][]byte{f.stamp(sig, early)}, map[string]any{"logIndex": "x"}), time.Time{}},
	} {
		if !c.got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// TestEveryFlippedByteOfACertificatesBundle: each flip is refused, or leaves who signed what, and when, as it was.
func TestEveryFlippedByteOfACertificatesBundle(t *testing.T) {
	f := newForge(t)
	trusted, good := signing.Trust{Root: f.loadRoot()}, f.signed(statement).bundle(t, nil)
	accepted, step := 0, 1
	if testing.Short() {
		step = 13
	}
	for i := 0; i < len(good); i += step {
		data := bytes.Clone(good)
		data[i] ^= 1 << (i % 8)
		got, err := trusted.Verify(data)
		if err != nil {
			if got.Payload != nil {
				t.Fatalf("byte %d: a payload with an error", i)
			}
			continue
		}
		accepted++
		if string(got.Payload) != statement || got.By != forgedParty || !got.Time.Equal(f.now) {
			t.Fatalf("byte %d of ...%s...: another meaning: %v at %v", i, good[max(0, i-20):min(len(good), i+20)], got.By, got.Time)
		}
	}
	if accepted >= len(good)/step {
		t.Fatal("nothing is refused: this test proves nothing")
	}
	t.Logf("%d of %d flips leave the meaning as it is", accepted, (len(good)+step-1)/step)
}

// FuzzVerifyCertificate: whatever bytes are put in the place of any part of a good bundle, it is refused, or says the same. What is fuzzed is the
// change and not the bundle: each of the fuzzer's processes has keys of its own, under which another's bundle is a stranger's.
func FuzzVerifyCertificate(f *testing.F) {
	f.Add(uint(0), []byte{})
	f.Add(uint(40), []byte(`{"`))
	f.Add(uint(300), []byte("AAAA"))
	var trusted signing.Trust
	var good []byte
	var now time.Time
	f.Fuzz(func(t *testing.T, at uint, with []byte) {
		if good == nil {
			forge := newForge(t)
			trusted, good, now = signing.Trust{Root: forge.loadRoot()}, forge.signed(statement).bundle(t, nil), forge.now
		}
		got, err := trusted.Verify(overwritten(good, at, with))
		if err == nil && (string(got.Payload) != statement || got.By != forgedParty || !got.Time.Equal(now)) {
			t.Fatalf("accepted %q by %v at %v", got.Payload, got.By, got.Time)
		}
		if err != nil && got.Payload != nil {
			t.Fatal("a payload with an error")
		}
	})
}

// overwritten is raw with other bytes from somewhere on.
func overwritten(raw []byte, at uint, with []byte) []byte {
	from := int(at % uint(len(raw)+1)) //nolint:gosec // a length
	return slices.Concat(raw[:from], with, raw[min(from+len(with), len(raw)):])
}

func TestLoadRoot(t *testing.T) {
	f := newForge(t)
	good := string(f.trustedRoot(nil))
	for name, bad := range map[string]string{
		"nothing":       "",
		"not JSON":      "x",
		"media type":    strings.Replace(good, "version=0.1", "version=9", 1),
		"unknown field": strings.Replace(good, `{"certificateAuthorities"`, `{"x":1,"certificateAuthorities"`, 1),
		"key twice":     strings.Replace(good, `"mediaType"`, `"mediaType":"x","mediaType"`, 1),
		"too large":     good + strings.Repeat(" ", 5<<20),
		"too deep":      strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"a log, no time": string(f.trustedRoot(func(r map[string]any) {
			delete(r["tlogs"].([]any)[0].(map[string]any)["publicKey"].(map[string]any), "validFor")
		})),
		"a CA, no time":  string(f.trustedRoot(func(r map[string]any) { delete(r["certificateAuthorities"].([]any)[0].(map[string]any), "validFor") })),
		"a TSA, no time": string(f.trustedRoot(func(r map[string]any) { delete(r["timestampAuthorities"].([]any)[0].(map[string]any), "validFor") })),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signing.LoadRoot([]byte(bad))
			wantCode(t, err, "A0550")
		})
	}
}

// BenchmarkVerifyCertificateFirst is the first bundle under a trusted root, the reading of that among it.
func BenchmarkVerifyCertificateFirst(b *testing.B) {
	f := newForge(b)
	root, bundle := f.trustedRoot(nil), f.signed(statement).bundle(b, nil)
	for b.Loop() {
		r, err := signing.LoadRoot(root)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := (signing.Trust{Root: r}).Verify(bundle); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyCertificate is every further one.
func BenchmarkVerifyCertificate(b *testing.B) {
	f := newForge(b)
	trusted, bundle := signing.Trust{Root: f.loadRoot()}, f.signed(statement).bundle(b, nil)
	for b.Loop() {
		if _, err := trusted.Verify(bundle); err != nil {
			b.Fatal(err)
		}
	}
}

// CVE-2022-35929 and -35930, and sigstore-go's own leniency: payload type, signatures, key id and media type, as for a key's bundle.
func TestN9EnvelopeUnderACertificate(t *testing.T) {
	f := newForge(t)
	r := f.loadRoot()
	good := string(f.signed(statement).bundle(t, nil))
	one := good[strings.Index(good, `[{"sig"`)+1 : strings.Index(good, `"}]}`)+2]
	for name, c := range map[string]struct{ old, new string }{
		"payload type":  {signing.PayloadType, "application/vnd.in-toto.provenance+json"},
		"two of them":   {one, one + "," + one},
		"none":          {one, ""},
		"key id":        {`{"sig"`, `{"keyid":"x","sig"`},
		"media type":    {"bundle.v0.3+json", "bundle+json;version=0.3"},
		"unknown field": {`"dsseEnvelope":{`, `"dsseEnvelope":{"x":1,`},
		"folded key":    {`"certificate"`, `"Certificate"`},
		"key twice":     {`"certificate"`, `"certificate":{"rawBytes":""},"certificate"`},
		"more after it": {`{"dsseEnvelope"`, `{}{"dsseEnvelope"`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("%s is not in the bundle", c.old)
			}
			wantRefused(t, r, []byte(strings.Replace(good, c.old, c.new, 1)), "A0505")
		})
	}
	message := strings.Replace(good, `"dsseEnvelope"`, `"messageSignature":{},"dsseEnvelope"`, 1)
	wantRefused(t, r, []byte(message), "A0508")
}

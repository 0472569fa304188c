package signing_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/signing"
)

// again is a certificate of f for the same name and key with something changed.
func (f *forge) again(c, parent *x509.Certificate, key, signer *ecdsa.PrivateKey, change func(*x509.Certificate)) *x509.Certificate {
	f.t.Helper()
	template := *c
	for _, e := range c.Extensions {
		if e.Critical && e.Id.String() == "2.5.29.37" { // a timestamp authority's usage, which no field makes critical
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
	}
	change(&template)
	return f.cert(&template, parent, key, signer)
}

// rootOf is f's trusted root with these certificates, the signing one first.
func (f *forge) rootOf(ca, tsa []*x509.Certificate) *signing.Root {
	f.t.Helper()
	chain := func(certs []*x509.Certificate) map[string]any {
		var list []any
		for _, c := range certs {
			list = append(list, map[string]any{"rawBytes": c.Raw})
		}
		return map[string]any{"certificates": list}
	}
	r, err := signing.LoadRoot(f.trustedRoot(func(root map[string]any) {
		root["certificateAuthorities"].([]any)[0].(map[string]any)["certChain"] = chain(ca)
		root["timestampAuthorities"].([]any)[0].(map[string]any)["certChain"] = chain(tsa)
	}))
	f.check(err)
	return r
}

// warm has r verify a good bundle, and remember the paths of its authorities.
func (f *forge) warm(r *signing.Root) {
	f.t.Helper()
	if issuers, clocks := r.Held(); issuers+clocks != 0 {
		f.t.Fatalf("%d and %d paths are remembered before anything was verified", issuers, clocks)
	}
	if _, err := (signing.Trust{Root: r}).Verify(f.signed(statement).bundle(f.t, nil)); err != nil {
		f.t.Fatal(err)
	}
	if issuers, clocks := r.Held(); issuers != 1 || clocks != 1 {
		f.t.Fatalf("%d and %d paths are remembered, want 1 and 1", issuers, clocks)
	}
}

// at are bundles of f with a timestamp of that time: one that brings its certificate along, and one that does not.
func (f *forge) at(t time.Time) [2][]byte {
	p := f.signed(statement)
	p.stamps = [][]byte{f.stamp(p.sig, t)}
	with := p.bundle(f.t, nil)
	p.stamps = [][]byte{f.token(p.sig, t, f.tsaLeaf, f.tsaKey, false)}
	return [2][]byte{with, p.bundle(f.t, nil)}
}

// A path that held once holds for no time at which one of its certificates may not be believed.
func TestHeldPathAtOtherTimes(t *testing.T) {
	ca, tsa := []string{"ca", "root"}, []string{"tsa", "tsa ca", "root"}
	for _, c := range []struct {
		authority []string
		which     int
	}{{ca, 0}, {ca, 1}, {tsa, 0}, {tsa, 1}, {tsa, 2}} {
		t.Run(c.authority[0]+": "+c.authority[c.which], func(t *testing.T) {
			f := newForge(t)
			brief := func(is bool) func(*x509.Certificate) {
				return func(c *x509.Certificate) {
					if is {
						c.NotBefore, c.NotAfter = f.now.Add(-30*time.Second), f.now.Add(2*time.Minute)
					}
				}
			}
			isCA, isTSA := c.authority[0] == "ca", c.authority[0] == "tsa"
			caRoot := f.again(f.root, nil, f.rootKey, f.rootKey, brief(isCA && c.which == 1))
			f.ca = f.again(f.ca, caRoot, f.caKey, f.rootKey, brief(isCA && c.which == 0))
			tsaRoot := f.again(f.root, nil, f.rootKey, f.rootKey, brief(isTSA && c.which == 2))
			f.tsaCA = f.again(f.tsaCA, tsaRoot, f.tsaCAKey, f.rootKey, brief(isTSA && c.which == 1))
			f.tsaLeaf = f.again(f.tsaLeaf, f.tsaCA, f.tsaKey, f.tsaCAKey, brief(isTSA && c.which == 0))
			load := func() *signing.Root {
				return f.rootOf([]*x509.Certificate{f.ca, caRoot}, []*x509.Certificate{f.tsaLeaf, f.tsaCA, tsaRoot})
			}
			warm := load()
			f.warm(warm)
			for _, r := range []*signing.Root{warm, load()} { // what is remembered changes nothing
				for _, out := range []time.Duration{-45 * time.Second, 3 * time.Minute} {
					for _, bundle := range f.at(f.now.Add(out)) {
						wantRefused(t, r, bundle, "A0555")
					}
				}
				for _, in := range []time.Duration{-30 * time.Second, time.Minute, 2 * time.Minute} {
					for _, bundle := range f.at(f.now.Add(in)) {
						wantGood(t, r, bundle, f.now.Add(in))
					}
				}
			}
		})
	}
}

// Another leaf, another root, a root that was changed: what was remembered of one is of no use to it.
func TestHeldPathOfSomethingElse(t *testing.T) {
	f, stranger := newForge(t), newForge(t) // whose authorities have the same names
	r, other := f.loadRoot(), stranger.loadRoot()
	f.warm(r)
	stranger.warm(other)
	good := f.signed(statement)
	for range 2 {
		wantGood(t, r, good.bundle(t, nil), f.now)
		wantRefused(t, other, good.bundle(t, nil), "A0555")
		wantRefused(t, r, stranger.signed(statement).bundle(t, nil), "A0555")
	}
	for name, change := range map[string]func(p *parts){
		"a leaf of another authority of that name": func(p *parts) {
			p.leaf = stranger.leaf(p.key, forgedSubject, forgedIssuer, f.now.Add(-time.Minute))
			f.resign(p)
		},
		"a leaf with one byte changed": func(p *parts) {
			raw := append([]byte(nil), p.leaf.Raw...)
			raw[len(raw)-1] ^= 1
			leaf, err := x509.ParseCertificate(raw)
			f.check(err)
			p.leaf = leaf
			f.resign(p)
		},
		"a leaf for another use": func(p *parts) {
			p.leaf = f.again(p.leaf, f.ca, p.key, f.caKey, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
			f.resign(p)
		},
		"a leaf that a leaf signed": func(p *parts) {
			key := f.newKey()
			p.leaf, p.key = f.cert(&x509.Certificate{
				EmailAddresses: []string{forgedSubject}, NotBefore: f.now, NotAfter: f.now, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
			}, p.leaf, key, p.key), key
			f.resign(p)
		},
		"the authority itself": func(p *parts) { p.leaf, p.key = f.ca, f.caKey; f.resign(p) },
		"the root itself":      func(p *parts) { p.leaf, p.key = f.root, f.rootKey; f.resign(p) },
	} {
		t.Run(name, func(t *testing.T) {
			p := f.signed(statement)
			change(p)
			wantRefused(t, r, p.bundle(t, nil), "A0555")
		})
	}
	for name, change := range map[string]func(){
		"the authority's window": func() { f.caWindow.end = f.now.Add(-time.Second) },
		"the clock's window":     func() { f.tsaWindow.start = f.now.Add(time.Second) },
		"another authority": func() {
			f.ca = stranger.again(f.ca, stranger.root, stranger.caKey, stranger.rootKey, func(*x509.Certificate) {})
		},
		"another root":  func() { f.root = stranger.root },
		"another clock": func() { f.tsaLeaf = stranger.tsaLeaf },
	} {
		t.Run("changed: "+name, func(t *testing.T) {
			was := *f
			defer func() { *f = was }()
			change()
			wantRefused(t, f.loadRoot(), good.bundle(t, nil), "A0555")
			wantGood(t, r, good.bundle(t, nil), was.now)
		})
	}
}

// A path does not lead through its own leaf (crypto/x509, alreadyInChain): a certificate of the root, or of the authority, for the name and key
// of one that is above it. Verify refuses these anyway, since they name nobody.
func TestHeldPathOfItself(t *testing.T) {
	f := newForge(t)
	warm, cold := f.loadRoot(), f.loadRoot()
	f.warm(warm)
	for name, of := range map[string]struct {
		above *x509.Certificate
		key   *ecdsa.PrivateKey
	}{"the root": {f.root, f.rootKey}, "the authority": {f.ca, f.caKey}} {
		leaf := f.cert(&x509.Certificate{
			Subject: of.above.Subject, NotBefore: f.now, NotAfter: f.now, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		}, f.ca, of.key, f.caKey)
		for memory, r := range map[string]*signing.Root{"nothing": cold, "the path": warm} {
			if chains, err := r.Issuer().Verify(leaf, f.now); err == nil {
				t.Errorf("%s, %s is remembered: a path of %d certificates", name, memory, len(chains[0]))
			}
		}
	}
}

// What a bundle brings along is not remembered, and neither is a path whose authorities say something of the leaf.
func TestPathsThatAreNotHeld(t *testing.T) {
	f := newForge(t)
	p := f.signed(statement)
	bare := f.rootOf([]*x509.Certificate{f.root}, []*x509.Certificate{f.tsaLeaf, f.tsaCA, f.root})
	wantGood(t, bare, p.bundle(t, map[string]any{"certificate": nil, "x509CertificateChain": map[string]any{
		"certificates": []any{map[string]any{"rawBytes": p.leaf.Raw}, map[string]any{"rawBytes": f.ca.Raw}},
	}}), f.now)
	if issuers, _ := bare.Held(); issuers != 0 {
		t.Error("the path that a bundle brought along is remembered")
	}
	wantRefused(t, bare, p.bundle(t, nil), "A0555")

	root := f.again(f.root, nil, f.rootKey, f.rootKey, func(c *x509.Certificate) {
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"selfsame.example"}, true
	})
	named := f.rootOf([]*x509.Certificate{f.ca, root}, []*x509.Certificate{f.tsaLeaf, f.tsaCA, f.root})
	wantGood(t, named, p.bundle(t, nil), f.now)
	if issuers, _ := named.Held(); issuers != 0 {
		t.Error("a path with a constraint on names is remembered")
	}
	p.leaf = f.leaf(p.key, "builder@elsewhere.example", forgedIssuer, f.now.Add(-time.Minute))
	f.resign(p)
	wantRefused(t, named, p.bundle(t, nil), "A0555")
}

package ground_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// The guard's engine asks this package.
var _ engine.Gatherer = (*ground.Ground)(nil)

func TestGather(t *testing.T) {
	w := newWorld(t)
	shop := w.host + "/team/shop"
	d := w.push("team/shop", shop)
	w.deny(3)
	g := w.open(w.config(w.trust(w.denylist())))
	e, err := g.Gather(t.Context(), shop, d)
	w.must(err)
	if len(e.Statements) != 1 || e.Statements[0].Signer != "release" || e.Image.Name != shop || len(e.Blocks) > 0 || !e.NotAfter.Equal(noon.Add(7*day)) {
		t.Errorf("evidence %+v", e)
	}
	p, err := ground.Setup{Policy: ground.PolicyAt{At: w.write("policy.yaml", rules(1))}, Now: w.config("").Now}.ReadPolicy(t.Context(), g.Options())
	w.must(err)
	if v := p.Decide(t.Context(), &e, noon); !v.Allow {
		t.Errorf("verdict %+v", v)
	}
	// Nothing attached is evidence, too: of nothing. A missing image is an error.
	bare := w.push("team/bare", "registry.example.com/other")
	if e, err = g.Gather(t.Context(), w.host+"/team/bare", bare); err != nil || len(e.Signatures)+len(e.Blocks) > 0 || e.Summary.Verdict != "missing" {
		t.Errorf("bare: %+v, %v", e, err)
	}
	if _, err = g.Gather(t.Context(), shop, digest.FromString("x")); !errors.Is(err, policy.ErrGone) || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an image that is not there: %v", err)
	}
	// A denial is evidence, and does not need the registry.
	w.deny(4, d)
	w.must(g.Refresh(t.Context()))
	w.asked = func(*http.Request) bool { return true }
	if e, err = g.Gather(t.Context(), shop, d); err != nil || len(e.Blocks) != 1 || e.Blocks[0].Verdict != "denied" || e.Lists[0].Sequence != 4 {
		t.Errorf("denied: %+v, %v", e, err)
	}
	if _, err = g.Gather(t.Context(), w.host+"/team/bare", bare); err == nil {
		t.Error("a registry that is down has evidence")
	}
}

// large is a predicate that does not travel in the manifest which names its bundle.
var large = `{"log":"` + strings.Repeat("x", artifact.MaxInline) + `"}`

// A bundle that cannot be fetched is for asking again, not a fact about the image.
func TestGatherOfWhatIsNotAnswered(t *testing.T) {
	w := newWorld(t)
	shop := w.host + "/team/shop"
	d := w.push("team/shop", shop)
	hidden := w.attach("team/shop", artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: d}, shop, typeTest, large)
	g := w.open(w.config(w.trust("")))
	w.asked = func(r *http.Request) bool { return strings.Contains(r.URL.Path, hidden.Encoded()) }
	if e, err := g.Gather(t.Context(), shop, d); err == nil {
		t.Errorf("%d statements", len(e.Statements))
	}
	w.status = http.StatusNotFound
	if e, err := g.Gather(t.Context(), shop, d); err == nil || errors.Is(err, policy.ErrGone) { // the image is there
		t.Errorf("a bundle that is not there: %+v, %v", e, err)
	}
	w.asked = nil
	if e, err := g.Gather(t.Context(), shop, d); err != nil || len(e.Statements) != 2 {
		t.Errorf("%d statements, %v", len(e.Statements), err)
	}
}

// What is denied is denied, also where a part of the evidence is not answered.
func TestGatherOfWhatIsDeniedAndNotAnswered(t *testing.T) {
	w := newWorld(t)
	shop, base := w.host+"/team/shop", digest.FromString("base")
	image := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: w.push("team/shop", shop)}
	w.attach("team/shop", image, shop, provenance.PredicateProvenance, `{"buildDefinition":{"buildType":"https://ci.example.com/v1","externalParameters":{},
		"resolvedDependencies":[{"uri":"pkg:docker/debian","digest":{"sha256":"`+base.Encoded()+`"}}]},"runDetails":{"builder":{"id":"https://ci.example.com"}}}`)
	hidden := w.attach("team/shop", image, shop, "https://example.com/other/v1", large)
	w.denyAll(3, provenance.DenyEntry{Base: base})
	g := w.open(w.config(w.trust(w.denylist())))
	var asked atomic.Bool
	w.asked = func(r *http.Request) bool {
		mine := strings.Contains(r.URL.Path, hidden.Encoded())
		if mine {
			asked.Store(true)
		}
		return mine
	}
	e, err := g.Gather(t.Context(), shop, image.Digest)
	if !asked.Load() || err != nil || len(e.Blocks) == 0 || e.Blocks[0].Verdict != "denied" {
		t.Errorf("evidence %+v, %v", e, err)
	}
}

func TestMirrors(t *testing.T) {
	w := newWorld(t)
	d := w.push("cache/team/shop", "registry.example.com/team/shop")
	plain := w.open(w.config(w.trust("")))
	name := w.host + "/cache/team/shop"
	if e, err := plain.Gather(t.Context(), name, d); err != nil || len(e.Statements) > 0 || e.Image.Name != name {
		t.Errorf("without a table: %+v, %v", e, err)
	}
	c := w.config(w.trust(""))
	c.Mirrors = map[string]string{w.host: "wrong.example.com", w.host + "/cache": "registry.example.com"}
	g := w.open(c)
	if e, err := g.Gather(t.Context(), name, d); err != nil || len(e.Statements) != 1 || e.Image.Name != "registry.example.com/team/shop" {
		t.Errorf("by the table: %+v, %v", e, err)
	}
	for name, want := range map[string]string{
		w.host + "/cache": "registry.example.com", w.host + "/cached/x": "wrong.example.com/cached/x", "registry.example.com/cache/x": "registry.example.com/cache/x",
	} {
		if got := g.NameOf(name); got != want {
			t.Errorf("%s stands for %s, want %s", name, got, want)
		}
	}
	if g.Epoch().Trust == plain.Epoch().Trust {
		t.Error("another table, and the same epoch")
	}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	w.deny(3)
	g := w.open(w.config(w.trust(w.denylist())))
	first := g.Epoch()
	if first.Deny != 3 || len(first.Trust) != 64 {
		t.Fatalf("epoch %+v", first)
	}
	w.must(g.Refresh(t.Context()))
	if g.Epoch() != first {
		t.Errorf("nothing changed, and the epoch is %+v, was %+v", g.Epoch(), first)
	}
	w.deny(5)
	w.must(g.Refresh(t.Context()))
	if got := g.Epoch(); got.Deny != 5 || got.Trust != first.Trust {
		t.Errorf("epoch %+v", got)
	}
	// An older list is refused in a process that remembers nothing else, and what is in force stays.
	w.deny(4)
	wantCode(t, "an older list", g.Refresh(t.Context()), "A0560")
	if g.Epoch().Deny != 5 {
		t.Errorf("epoch %+v", g.Epoch())
	}
	w.deny(6)
	// Another key under the same path is another trust, and so is another trust file.
	w.write("release.pub", string(w.keys["other"].Verifier().PEM()))
	w.must(g.Refresh(t.Context()))
	second := g.Epoch()
	if second.Trust == first.Trust {
		t.Error("another key, and the same epoch")
	}
	w.trust(w.denylist() + "# a remark\n")
	w.must(g.Refresh(t.Context()))
	if g.Epoch().Trust == second.Trust {
		t.Error("another trust file, and the same epoch")
	}
	third := g.Epoch()
	w.write("trust.yaml", "trust: v9\n")
	if err := g.Refresh(t.Context()); err == nil || g.Epoch() != third {
		t.Errorf("a broken trust file: %v, epoch %+v", err, g.Epoch())
	}
}

// A deny list that has ended decides nothing, whoever forgot to read a newer one.
func TestListThatHasEnded(t *testing.T) {
	w := newWorld(t)
	shop := w.host + "/team/shop"
	d := w.push("team/shop", shop)
	w.deny(3)
	g := w.open(w.config(w.trust("denylist: {list: " + w.host + "/ops/denylist, maxAge: 2d}\n")))
	w.now = noon.Add(2*day - 1)
	if e, err := g.Gather(t.Context(), shop, d); err != nil || !e.NotAfter.Equal(noon.Add(2*day)) {
		t.Errorf("evidence %+v, %v", e, err)
	}
	w.now = noon.Add(2 * day)
	_, err := g.Gather(t.Context(), shop, d)
	wantCode(t, "too old", err, "A0560")
	wantCode(t, "read again", g.Refresh(t.Context()), "A0560")
	w.deny(4)
	w.must(g.Refresh(t.Context()))
	if _, err := g.Gather(t.Context(), shop, d); err != nil {
		t.Error(err)
	}
}

// A thousand images: the list is read once, and connections are used again.
func TestManyImages(t *testing.T) {
	w := newWorld(t)
	shop := w.host + "/team/shop"
	d := w.push("team/shop", shop)
	w.deny(3)
	g := w.open(w.config(w.trust(w.denylist())))
	lists, connections := w.lists.Load(), w.connections.Load()
	var wg sync.WaitGroup
	jobs := make(chan int)
	for range 16 {
		wg.Go(func() {
			for range jobs {
				if e, err := g.Gather(t.Context(), shop, d); err != nil || len(e.Statements) != 1 {
					t.Errorf("evidence %+v, %v", e, err)
				}
			}
		})
	}
	for i := range 1000 {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	if n := w.lists.Load() - lists; n != 0 {
		t.Errorf("the deny list was asked for %d times", n)
	}
	if n := w.connections.Load() - connections; n > 64 {
		t.Errorf("%d connections for 1,000 images", n)
	}
}

func TestPolicy(t *testing.T) {
	w := newWorld(t)
	w.publish(3)
	at := w.host + "/ops/policy"
	g := w.open(w.config(w.trust("policy: {at: " + at + ", minimum: 2}\n")))
	p, err := g.Policy(t.Context())
	if err != nil || p.Edition().Version != 3 || !p.Expires().Equal(noon.Add(30*day)) {
		t.Fatalf("policy %+v, %v", p, err)
	}
	w.publish(4)
	if p, err = g.Policy(t.Context()); err != nil || p.Edition().Version != 4 {
		t.Errorf("policy %+v, %v", p, err)
	}
	for name, c := range map[string]struct {
		change func(*ground.Config)
		trust  string
		code   diag.Code
	}{
		"below the minimum": {nil, "policy: {at: " + at + ", minimum: 5}\n", "A0560"},
		"none named":        {nil, "", "A0650"},
		"not there":         {func(c *ground.Config) { c.Setup.Policy.At = at + ":other" }, "", "A0650"},
		"another key":       {func(c *ground.Config) { c.Setup.Policy = w.at(at, "other") }, "", "A0561"},
		"the release key":   {func(c *ground.Config) { c.Setup.Policy = w.at(at, "release") }, "", "A0567"},
		"older than seen": {func(c *ground.Config) {
			m := &freshness.Memory{Dir: t.TempDir()}
			w.must(first(m.Advance(freshness.Seen{Kind: "https://selfsame.build/policy/v0.1", Name: at, Sequence: 9, Issued: noon})))
			c.Memory = func() (*freshness.Memory, error) { return m, nil }
		}, "policy: {at: " + at + "}\n", "A0560"},
	} {
		conf := w.config(w.trust(c.trust))
		if c.change != nil {
			c.change(&conf)
		}
		_, err := w.open(conf).Policy(t.Context())
		wantCode(t, name, err, c.code)
	}
	conf := w.config(w.trust(""))
	conf.Setup.Policy = w.at(at, "rules")
	if p, err = w.open(conf).Policy(t.Context()); err != nil || p.Edition().Version != 4 {
		t.Errorf("by its key: %v, %v", p, err)
	}
	// A plain file is one's own. A bundle in a file is not.
	conf.Setup.Policy = ground.PolicyAt{At: w.write("plain.yaml", rules(7))}
	if p, err = w.open(conf).Policy(t.Context()); err != nil || p.Edition().Version != 7 {
		t.Errorf("from a file: %v, %v", p, err)
	}
	nobody := ground.Setup{Keys: []*signing.Verifier{w.keys["release"].Verifier()}, Client: w.client, Now: conf.Now, Policy: ground.PolicyAt{At: at}}
	l, err := nobody.Load(t.Context(), g.Options())
	w.must(err)
	l.Options.Signers, l.Options.PolicyAt = nil, nil
	_, err = nobody.ReadPolicy(t.Context(), l.Options)
	wantCode(t, "nobody may sign it", err, "A0653")
	nobody.Policy.At = w.write("bundle.json", "{}")
	_, err = nobody.ReadPolicy(t.Context(), l.Options)
	wantCode(t, "a bundle that nobody may sign", err, "A0653")
}

func (w *world) at(at, key string) ground.PolicyAt {
	return ground.PolicyAt{At: at, Keys: []*signing.Verifier{w.keys[key].Verifier()}}
}

func first(_ freshness.Seen, _ bool, err error) error { return err }

// Whoever may sign policies is bound by his names, and counts until the deny list names him.
func TestPolicySigners(t *testing.T) {
	w := newWorld(t)
	w.publish(3)
	at := "policy: {at: " + w.host + "/ops/policy}\n"
	named := func(names string) string {
		return w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  ops: {keys: [revoker.pub], roles: [revoker]}\n"+
			"  rules: {keys: [rules.pub], roles: [policy]"+names+"}\n"+w.denylist()+at)
	}
	key := trust.Party{Key: trust.Key{Hint: w.keys["rules"].Key().Hint}}
	w.deny(3)
	open := func(what, names string, code diag.Code) {
		t.Helper()
		_, err := w.open(w.config(named(names))).Policy(t.Context())
		if code == "" {
			w.must(err)
			return
		}
		wantCode(t, what, err, code)
	}
	open("any name", "", "")
	open("its name", ", names: ["+w.host+"/ops/*]", "")
	open("another's", ", names: ["+w.host+"/team/*]", "A0561")
	w.denyAll(4, provenance.DenyEntry{Signer: &key})
	open("denied", "", "A0561")
	c := w.config(named(""))
	c.Policy = ground.PolicyAt{At: w.host + "/ops/policy", Keys: []*signing.Verifier{w.keys["rules"].Verifier()}}
	_, err := w.open(c).Policy(t.Context())
	wantCode(t, "denied, and given by a flag", err, "A0561")
}

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	for name, text := range map[string]string{
		"no such key": "trust: v1\nsigners: {a: {keys: [missing.pub], roles: [release]}}\n", "no list": "trust: v1\nsigners:\n  a: {keys: [release.pub], roles: [release]}\n  b: {keys: [revoker.pub], roles: [revoker]}\n" + w.denylist(),
	} {
		if _, err := ground.Open(t.Context(), w.config(w.write("bad.yaml", text))); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestEpochOfKeysThatChangePlaces: the files are others, though their names and all keys are the same.
func TestEpochOfKeysThatChangePlaces(t *testing.T) {
	w := newWorld(t)
	g := w.open(w.config(w.trust("")))
	before := g.Epoch()
	w.write("release.pub", string(w.keys["rules"].Verifier().PEM()))
	w.write("rules.pub", string(w.keys["release"].Verifier().PEM()))
	w.must(g.RefreshFiles())
	if g.Epoch() == before || signerOf(g, "release") != w.keys["rules"].Key() {
		t.Errorf("epoch %+v, release is %v", g.Epoch(), signerOf(g, "release"))
	}
}

package agent_test

import (
	"context"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
)

// byName allows good under one name alone, and remembers what it was asked.
type byName struct {
	asker
	names []string
}

func (b *byName) Ask(ctx context.Context, q engine.Question) engine.Answer {
	b.names = append(b.names, q.Name)
	a := b.asker.Ask(ctx, q)
	a.Allow = a.Allow && q.Name == shop
	return a
}

func (b *byName) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, b.Ask(ctx, q))
	}
	return out
}

// TestVolumes: image volumes have to be allowed under each name that they came by, come and go with their container, and are no question without a name.
func TestVolumes(t *testing.T) {
	a := &byName{}
	a.bad = map[digest.Digest]bool{}
	i := agent.NewInventory(a, nil, func(string) {}, time.Now)
	c := agent.Container{ID: "c", Name: "app", Image: shop, Digest: good}
	i.Started(c, &engine.Answer{},
		agent.Container{ID: "c /data", Of: "c", Name: "known", Image: shop, Refused: []string{"registry.example.com/local"}, Digest: good},
		agent.Container{ID: "c /two", Of: "c", Name: "two", Image: shop, Also: []string{"registry.example.com/other"}, Digest: good},
		agent.Container{ID: "c /models", Of: "c", Name: "unknown", Digest: good},
		agent.Container{ID: "c /evil", Of: "c", Name: "evil", Image: shop, Digest: evil})
	i.Started(agent.Container{ID: "d", Name: "other", Image: shop, Digest: good}, nil)
	i.Judge(t.Context())
	got := map[string]bool{}
	for _, r := range i.List() {
		if got[r.Name] = r.Verified(); r.Verdict == nil || r.Name == "unknown" && r.Verdict.Denial() == "" {
			t.Errorf("%s: %+v", r.Name, r)
		}
	}
	for name, want := range map[string]bool{"app": true, "known": true, "two": false, "unknown": false, "evil": false, "other": true} {
		if is, there := got[name]; !there || is != want {
			t.Errorf("%s: verified %t, there %t", name, is, there)
		}
	}
	if len(a.names) != 7 { // each that has a name once, and one more name of two
		t.Errorf("asked about %q", a.names)
	}
	for _, name := range a.names {
		if name == "" {
			t.Error("asked about an image without a name")
		}
	}
	i.Stopped("c")
	if all := i.List(); len(all) != 1 || all[0].Name != "other" {
		t.Errorf("%+v", all)
	}
}

// TestUnderAll: what counts of the answers under several names.
func TestUnderAll(t *testing.T) {
	const ok, rule, objected, denied, undecided, glass = engine.ClassOK, engine.ClassRule, engine.ClassObjected, engine.ClassDenied, engine.ClassUndecided, engine.ClassBreakGlass
	for name, c := range map[string]struct {
		must int
		all  []engine.Class
		want engine.Class
	}{
		"all":                           {2, []engine.Class{ok, ok}, ok},
		"not under one":                 {2, []engine.Class{ok, rule}, rule},
		"not under the first":           {2, []engine.Class{rule, ok}, rule},
		"a name nobody let through":     {1, []engine.Class{ok, rule}, ok},
		"which cannot be asked about":   {1, []engine.Class{ok, undecided}, ok},
		"where somebody objects":        {1, []engine.Class{ok, objected}, objected},
		"where it is denied":            {1, []engine.Class{ok, rule, denied}, denied},
		"denied goes first":             {1, []engine.Class{rule, glass, denied}, denied},
		"break-glass":                   {2, []engine.Class{rule, glass}, glass},
		"break-glass against objection": {1, []engine.Class{glass, objected}, glass},
	} {
		var all []engine.Answer
		for _, class := range c.all {
			a := engine.Answer{Class: class}
			a.Allow = class == ok || class == glass
			all = append(all, a)
		}
		if got := agent.UnderAll(all, c.must); got.Class != c.want {
			t.Errorf("%s: %s, want %s", name, got.Class, c.want)
		}
	}
}

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
	oneOf map[string]int // by the container's name
}

func (b *byName) Ask(ctx context.Context, q engine.Question) engine.Answer {
	b.names = append(b.names, q.Name)
	b.oneOf[q.Who.Container] = q.Who.OneOf
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

// TestVolumes: image volumes are judged under each name that is known, come and go with their container, and are no question without a name.
func TestVolumes(t *testing.T) {
	a := &byName{oneOf: map[string]int{}}
	a.bad = map[digest.Digest]bool{}
	i := agent.NewInventory(a, nil, func(string) {}, time.Now)
	c := agent.Container{ID: "c", Name: "app", Image: shop, Digest: good}
	i.Started(c, &engine.Answer{},
		agent.Container{ID: "c /data", Of: "c", Name: "known", Image: "mirror.example.com/shop", Also: []string{"registry.example.com/other", shop}, Digest: good},
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
	for name, want := range map[string]bool{"app": true, "known": true, "unknown": false, "evil": false, "other": true} {
		if is, there := got[name]; !there || is != want {
			t.Errorf("%s: verified %t, there %t", name, is, there)
		}
	}
	if len(a.names) != 6 { // each that has a name once, and two more names of one
		t.Errorf("asked about %q", a.names)
	}
	if a.oneOf["known"] != 3 || a.oneOf["app"] != 0 || a.oneOf["evil"] != 0 {
		t.Errorf("asked as one of %v", a.oneOf)
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

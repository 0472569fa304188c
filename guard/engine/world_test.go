package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

const (
	shop = "registry.example.com/team/shop"
	good = digest.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	evil = digest.Digest("sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// text is a policy of one rule, about everything below registry.example.com.
func text(version int, require, more string) string {
	return fmt.Sprintf("policy: v1\nname: prod\nversion: %d\n%srules:\n  - name: signed\n    match: [\"registry.example.com/**\"]\n    require: |\n      %s\n"+
		"    message: nobody that we know signed it\n    fix: sign it with the release key\n", version, more, require)
}

const signed = `signatures.exists(s, s.signer == "release")`

// fake is a Gatherer for faults: registries that are down, slow or wrong.
type fake struct {
	mu      sync.Mutex
	epoch   engine.Epoch
	next    engine.Epoch // after Refresh
	err     error        // of Gather
	refused error        // of Refresh
	denied  map[digest.Digest]bool
	inside  map[digest.Digest]bool                     // something in it is denied, which only evidence shows
	gather  func(ctx context.Context, d digest.Digest) // called in Gather
	gathers map[digest.Digest]int
	ends    time.Time
	signed  bool                      // everything is
	change  func(ev *policy.Evidence) // of what is gathered
	// elsewhere is what is attached to every image and is about others.
	elsewhere []policy.Elsewhere
	handed    []policy.HandedOn
}

func (f *fake) Gather(ctx context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	f.mu.Lock()
	f.gathers[d]++
	hook, err, denied := f.gather, f.err, f.denied[d] || f.inside[d]
	signed, change := f.signed || d == good, f.change
	f.mu.Unlock()
	if hook != nil {
		hook(ctx, d)
	}
	if err != nil {
		return policy.Evidence{}, err
	}
	ev := policy.Evidence{Image: policy.Image{Name: name, Digest: d.String(), Platforms: []policy.Platform{{Name: "linux/amd64", Digest: d.String()}}}, NotAfter: f.ends, Elsewhere: f.elsewhere}
	if signed {
		ev.Signatures = []policy.Signature{{Signer: "release", Roles: []string{"release"}, Subject: d.String(), Time: start.Add(-time.Hour)}}
	}
	if f.mu.Lock(); len(f.handed) > 0 {
		ev.HandedOn, ev.Summary.Verdict = f.handed, "missing"
	}
	f.mu.Unlock()
	if denied {
		ev.Blocks = []policy.Block{{Verdict: "denied", Reason: "on the deny list: leaks keys", ExitCode: 14}}
	}
	if change != nil {
		change(&ev)
	}
	return ev, nil
}

func (f *fake) Epoch() engine.Epoch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch
}

func (f *fake) Refresh(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused == nil {
		f.epoch = f.next
	}
	return f.refused
}

// Denied implements engine.Denier.
func (f *fake) Denied(d digest.Digest) (policy.Block, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return policy.Block{Verdict: "denied", Reason: "on the deny list: leaks keys"}, f.denied[d], nil
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.gathers {
		n += g
	}
	return n
}

// world is an engine whose surroundings a test moves.
type world struct {
	*engine.Engine
	t       testing.TB
	f       *fake
	mu      sync.Mutex
	now     time.Duration // since start
	back    time.Duration // how far the clock is set back
	reads   func()        // called after each look at the clock, when set
	policy  string
	config  engine.Config
	log     bytes.Buffer
	notices []string
}

func newWorld(t testing.TB, change ...func(*engine.Config)) *world {
	t.Helper()
	epoch := engine.Epoch{Trust: "t1", Deny: 1}
	w := &world{t: t, policy: text(1, signed, ""), f: &fake{epoch: epoch, next: epoch, gathers: map[digest.Digest]int{}, denied: map[digest.Digest]bool{}}}
	w.config = engine.Config{Gatherer: w.f, Fresh: time.Minute, Stale: time.Hour, Refused: 10 * time.Second, Decisions: &w.log,
		Policy: func(context.Context) (*policy.Policy, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return policy.Parse("policy.yaml", []byte(w.policy))
		},
		Clock: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.reads != nil {
				defer w.reads()
			}
			return start.Add(w.now - w.back)
		},
		Monotonic: func() time.Duration { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Notice:    func(s string) { w.mu.Lock(); defer w.mu.Unlock(); w.notices = append(w.notices, s) },
	}
	for _, c := range change {
		c(&w.config)
	}
	w.open()
	return w
}

// open starts an engine, anew after a Close.
func (w *world) open() {
	w.t.Helper()
	var err error
	if w.Engine, err = engine.New(w.config); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.Close)
	if err := w.Refresh(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += d
}

func (w *world) write(policy string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.policy = policy
}

func (w *world) ask(d digest.Digest) engine.Answer {
	w.t.Helper()
	return w.Ask(w.t.Context(), engine.Question{Name: shop, Digest: d, Who: engine.Who{Gate: engine.GateStart, Namespace: "shop"}})
}

// want asks and compares: allowed or not, the class, whether without the registry, how often it was asked so far.
func (w *world) want(what string, d digest.Digest, allow bool, class engine.Class, cached bool, gathers int) engine.Answer {
	w.t.Helper()
	a := w.ask(d)
	if a.Allow != allow || a.Class != class || a.Cached != cached || w.f.total() != gathers {
		w.t.Errorf("%s: allow %t, class %s, cached %t, %d gatherings; want %t, %s, %t, %d\n%s", what, a.Allow, a.Class, a.Cached, w.f.total(), allow, class, cached, gathers, a.Denial())
	}
	return a
}

func (w *world) noticed(part string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(strings.Join(w.notices, "\n"), part)
}

var errDown = errors.New("asking the registry: connection refused")

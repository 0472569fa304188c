package nri_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/nri"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/test/containerd"
)

const rules = `policy: v1
name: prod
version: 1
rules:
  - {name: signed, match: ["**"], require: 'signatures.exists(s, s.signer == "release")', message: nobody that we know signed it, fix: sign it with the release key}
`

// gatherer is the only part that is not real: what a registry would say, by digest.
type gatherer struct {
	mu     sync.Mutex
	epoch  engine.Epoch
	signed map[digest.Digest]string // the repository that evidence names
	denied map[digest.Digest]bool
	slow   chan struct{} // while it is open, nothing is known
}

func (g *gatherer) Gather(ctx context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	g.mu.Lock()
	slow := g.slow
	g.mu.Unlock()
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return policy.Evidence{}, ctx.Err()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	ev := policy.Evidence{Image: policy.Image{Name: name, Digest: d.String()}}
	if g.signed[d] == name {
		ev.Signatures = []policy.Signature{{Signer: "release", Roles: []string{"release"}, Subject: d.String(), Time: time.Now()}}
	}
	if g.denied[d] {
		ev.Blocks = []policy.Block{{Verdict: "denied", Reason: "on the deny list: leaks keys", ExitCode: 14}}
	}
	return ev, nil
}

func (g *gatherer) Epoch() engine.Epoch           { g.mu.Lock(); defer g.mu.Unlock(); return g.epoch }
func (g *gatherer) Refresh(context.Context) error { return nil }

func (g *gatherer) set(change func()) { g.mu.Lock(); defer g.mu.Unlock(); change() }

// world is an agent: engine, socket, inventory; and a plugin that can be stopped.
type world struct {
	*engine.Engine
	t         *testing.T
	g         *gatherer
	inventory *agent.Inventory
	names     *nri.Names
	metrics   *metrics.Set
	socket    string

	mu      sync.Mutex
	notices string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, metrics: metrics.New(), socket: filepath.Join(t.TempDir(), "run", "guard.sock"), g: &gatherer{epoch: engine.Epoch{Trust: "t", Deny: 1}, signed: map[digest.Digest]string{}, denied: map[digest.Digest]bool{}}}
	var err error
	w.Engine, err = engine.New(engine.Config{Gatherer: w.g, Metrics: w.metrics, Refused: 50 * time.Millisecond,
		Policy: func(context.Context) (*policy.Policy, error) { return policy.Parse("policy.yaml", []byte(rules)) }})
	w.must(err)
	t.Cleanup(w.Close)
	w.must(w.Refresh(t.Context()))
	w.inventory, w.names = agent.NewInventory(w, w.metrics, w.notice, time.Now), &nri.Names{Asker: w}
	go w.inventory.Watch(t.Context(), time.Hour, w.Changed)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) notice(s string) { w.mu.Lock(); defer w.mu.Unlock(); w.notices += s + "\n" }
func (w *world) noticed(part string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.notices, part)
}

// serve answers on the agent's socket until stop is called.
func (w *world) serve() (stop func()) {
	w.t.Helper()
	l, err := agent.Listen(w.socket, "")
	w.must(err)
	s := &agent.Server{Asker: w.names, Inventory: w.inventory, Edition: w.Edition, Metrics: w.metrics, Grants: func() []breakglass.Grant { return nil }}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { _ = s.Serve(ctx, l); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	return stop
}

// connect runs a plugin until stop is called.
func (w *world) connect(n *containerd.Node, asker engine.Asker, refuseVolumes bool) (stop func()) {
	w.t.Helper()
	w.mu.Lock()
	w.notices = ""
	w.mu.Unlock()
	p := &nri.Plugin{Asker: asker, Inventory: w.inventory, Metrics: w.metrics, Notice: w.notice, Socket: n.NRISocket, Names: w.names, RefuseVolumes: refuseVolumes}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { _ = p.Run(ctx); close(done) }()
	w.soon("the plugin is connected", func() bool { return w.noticed("the start gate is connected") })
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) soon(what string, is func() bool) {
	w.t.Helper()
	for began := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("not within 20 s: %s\n%s", what, w.notices)
		}
	}
}

// verifiers is a folder with selfsame-pull in it, as docs/how-to/node-gates.md sets it up: a link to a program that lies elsewhere.
func (w *world) verifiers() string {
	w.t.Helper()
	dir, bin := w.t.TempDir(), w.t.TempDir()
	program := filepath.Join(bin, "selfsame-pull")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/selfsame-build/selfsame/cmd/selfsame-pull")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	w.must(os.WriteFile(program+".json", []byte(`{"socket": "`+w.socket+`"}`), 0o600))
	w.must(os.Symlink(program, filepath.Join(dir, "10-selfsame")))
	return dir
}

// asked is an Asker for faults: it calls before it answers.
type asked struct {
	engine.Asker
	before func(context.Context)
}

func (a asked) Ask(ctx context.Context, q engine.Question) engine.Answer {
	a.before(ctx)
	return a.Asker.Ask(ctx, q)
}

// count is a metric's line with a label.
func (w *world) count(name, label string) string {
	rec := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(rec.Body.String()) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, label) {
			return line
		}
	}
	return ""
}

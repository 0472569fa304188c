package guardcli

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/ground"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/tracing"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/invocation"
	"github.com/selfsame-build/selfsame/registry"
	verifyground "github.com/selfsame-build/selfsame/verify/ground"
)

// guard is what every verb that serves has: an engine and what it stands on.
type guard struct {
	*engine.Engine
	Metrics *metrics.Set
	Folder  *breakglass.Folder // nil: there is no break-glass
	ground  *ground.Late
	config  config.Config
	notice  func(string)
	end     []func()
}

var _ engine.Lister = (*guard)(nil) // where the name of an image volume is not known

// registryOptions give up soon: somebody waits at a gate, and is told to try again. Connections are kept, a few for each gathering.
var registryOptions = registry.Options{Attempts: 2, Stall: 10 * time.Second, Connections: 64}

// open makes a guard from its configuration. It asks no registry: what cannot be read yet is denied in words, and read again (Run).
func (a *app) open(ctx context.Context, c config.Config) (*guard, error) {
	g := &guard{Metrics: metrics.New(), config: c, notice: a.say()}
	// One clock for all that ends: the engine's, which setting the machine's back does not move. Nobody asks before there is an engine.
	now := func() time.Time { return g.Now() }
	g.ground = ground.New(verifyground.Config{Mirrors: c.Mirrors, Kept: filepath.Join(c.State, "lists"), Setup: verifyground.Setup{
		Trust: c.Trust, Roster: c.Roster, Policy: verifyground.PolicyAt{At: c.Policy.File + c.Policy.From}, Client: registry.New(registryOptions), Now: now,
		Memory: func() (*freshness.Memory, error) { return &freshness.Memory{Dir: filepath.Join(c.State, "seen")}, nil }}})
	if c.BreakGlass != "" {
		g.Folder = &breakglass.Folder{Dir: c.BreakGlass}
	}
	log, err := g.decisions(a.Out)
	if err != nil {
		return nil, err
	}
	tracer, err := g.tracer(ctx)
	if err != nil {
		return nil, err
	}
	g.Engine, err = engine.New(engine.Config{
		Gatherer: g.ground, Policy: g.ground.Policy, Stands: g.ground.Stands, NameOf: g.ground.NameOf, BreakGlass: g.Folder, Clock: a.clock, AcceptVerdicts: c.Verdicts == "accept",
		Fresh: time.Duration(c.Keep.Fresh), Stale: time.Duration(c.Keep.Stale), Refused: time.Duration(c.Keep.Refused), Refresh: time.Duration(c.Refresh),
		Images: c.Limits.Images, Memory: c.Limits.Memory << 20, Gathers: c.Limits.Gathers, State: filepath.Join(c.State, "evidence"),
		Jitter: jitter, Decisions: log, Metrics: g.Metrics, Tracer: tracer, Notice: g.notice,
	})
	if err != nil {
		g.close()
		return nil, err
	}
	g.end = slices.Insert(g.end, 0, g.Close) // before what it writes to
	if a.OwnProcess && a.Env("GOGC") == "" { // whoever starts it may know better
		g.end = append(g.end, makeRoom())
	}
	return g, nil
}

func (g *guard) close() {
	for _, end := range g.end {
		end()
	}
}

// say tells the operator one thing after the other, whoever wants to.
func (a *app) say() func(string) {
	var mu sync.Mutex
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		a.notice("%s", text)
	}
}

// decisions opens the log of decisions.
func (g *guard) decisions(stdout io.Writer) (io.Writer, error) {
	if g.config.Decisions == "" {
		return stdout, nil
	}
	f, err := os.OpenFile(g.config.Decisions, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640) //nolint:gosec // log collectors are in its group
	if err != nil {
		return nil, err
	}
	g.end = append(g.end, func() { _ = f.Close() })
	return f, nil
}

func (g *guard) tracer(ctx context.Context) (trace.Tracer, error) {
	if g.config.Traces == "" {
		return nil, nil
	}
	tracer, end, err := tracing.Start(ctx, g.config.Traces, invocation.Version())
	if err != nil {
		return nil, err
	}
	g.end = append(g.end, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = end(ctx) // what a collector did not take is lost
	})
	return tracer, nil
}

// jitter is a number in [0,1) that keeps nodes apart.
func jitter() float64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)
}

// run refreshes and serves metrics until ctx ends. changed is called when the break-glass statements in force change.
func (g *guard) run(ctx context.Context, changed func()) error {
	if err := g.Refresh(ctx); err != nil {
		g.notice(err.Error())
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { g.watchBreakGlass(ctx, changed) })
	return g.Run(ctx)
}

// breakGlassEvery is how soon a statement counts, or no longer: in an emergency nobody waits for long.
const breakGlassEvery = 5 * time.Second

// watchBreakGlass reads the folder again and again, and counts what is in force.
func (g *guard) watchBreakGlass(ctx context.Context, changed func()) {
	if g.Folder == nil {
		return
	}
	var known []string
	said := ""
	for {
		who, ok := g.ground.BreakGlass()
		var err error
		if ok {
			err = g.Folder.Read(who, g.Now())
		}
		switch text := ""; {
		case err != nil:
			g.Metrics.Add(metrics.RefreshFailed, 1, "break-glass")
			if text = err.Error(); text != said {
				g.notice("break-glass statements that open nothing: " + text)
			}
			said = text
		default:
			said = ""
		}
		var now []string
		for _, s := range g.Folder.Active(g.Now()) {
			if now = append(now, s.ID); !slices.Contains(known, s.ID) {
				g.notice("BREAK-GLASS until " + s.Expires.Format(time.RFC3339) + ": " + s.Name + "@" + s.Digest.String() + " by " + diag.Printable(s.Owner) + ": " + diag.Printable(s.Reason))
			}
		}
		g.Metrics.Put(metrics.BreakGlass, float64(len(now)))
		if !slices.Equal(now, known) {
			known = now
			changed()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(breakGlassEvery):
		}
	}
}

// serveMetrics serves /metrics and /healthz until ctx ends. Diagnostic: A0906.
func (g *guard) serveMetrics(ctx context.Context) error {
	if g.config.Metrics == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", g.config.Metrics)
	if err != nil {
		return diag.Errorf(diag.CodeGuardServe, "serving metrics on `%s`: %w", g.config.Metrics, err).WithHelp("give another address with `metrics:`")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", g.Metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if g.Edition().SHA256 == "" {
			http.Error(w, "no policy has been read yet: everything is denied", http.StatusServiceUnavailable)
		}
	})
	s := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return diag.Errorf(diag.CodeGuardServe, "serving metrics: %w", err)
	}
	return context.Cause(ctx)
}

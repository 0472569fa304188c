package engine

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// PolicySource reads the policy that is to be in force. With an error it may give the one that counts all the same (the last one that was
// read); policy.ErrRevoked in the error says that not even that does.
type PolicySource func(context.Context) (*policy.Policy, error)

// Config is what an engine is made of. The zero value of a bound means the default of package config.
type Config struct {
	Gatherer Gatherer
	Policy   PolicySource
	// Stands says, without I/O, that the policy which Policy gave last does not count any more by the trust file and deny list of now
	// (policy.ErrRevoked). It is asked whenever these change, before any policy is read. nil: only Policy says so.
	Stands func() error
	// NameOf gives the name that evidence bears for the name that is asked for, where images come through a mirror. nil: they are one.
	NameOf func(name string) string
	// AcceptVerdicts lets a verdict of the policy in force that another verifier handed on stand in for rules that say no.
	AcceptVerdicts bool
	// BreakGlass are the statements that let through what the policy denies; nil: there are none.
	BreakGlass *breakglass.Folder

	// Fresh, Stale and Refused are the lives of evidence (config.Keep).
	Fresh, Stale, Refused time.Duration
	// GatherTimeout bounds one gathering, whoever waits for it.
	GatherTimeout time.Duration
	Images        int    // verdicts in memory
	Memory        int    // evidence in memory, in bytes
	Gathers       int    // at once
	State         string // private folder for evidence; empty: nothing outlives the process

	// Refresh is how often Run reads policy, trust file and deny list.
	Refresh time.Duration
	// Jitter is a number in [0,1) that keeps nodes apart; nil: none.
	Jitter func() float64

	Decisions io.Writer            // the log of decisions, a JSON line each; nil: none
	Metrics   *metrics.Set         // nil: none
	Tracer    trace.Tracer         // a span for each decision; nil: none
	Notice    func(string)         // for the operator; nil: nobody is told
	Clock     Clock                // nil: time.Now
	Monotonic func() time.Duration // nil: the machine's
}

// Engine decides. It is an Asker, and safe for use by many at once.
type Engine struct {
	c          Config
	lives      lives
	clock      *clock
	policy     atomic.Pointer[policy.Policy]
	dropped    atomic.Pointer[policy.Policy] // the last one that does not count any more
	memory     *memory
	disk       *disk
	flights    singleflight.Group // verdicts, by image, policy and epoch
	gathers    singleflight.Group // evidence, by image and epoch
	slots      chan struct{}      // one for each gathering
	guestSlots chan struct{}      // one for each that guests may have under way
	guests     shares
	pending    atomic.Int64
	saves      *semaphore.Weighted // evidence on its way to disk
	unkept     atomic.Bool         // the last one did not get there, which was said
	log        *decisions

	life context.Context // of work that outlives who asked for it
	end  context.CancelFunc
	work sync.WaitGroup

	refreshing sync.Mutex
	failed     atomic.Pointer[error] // the last Refresh
	changed    broadcast
}

// maxPending is how many gatherings may wait for each that runs.
const maxPending = 64

// maxSaves is how many files may be on their way to disk.
const maxSaves = 64

// New makes an engine. It knows no policy, and denies everything, until Refresh. Diagnostic: A0902 the folder of State.
func New(c Config) (*Engine, error) {
	c = c.withDefaults()
	e := &Engine{c: c, lives: lives{c.Fresh, c.Stale, c.Refused}, slots: make(chan struct{}, c.Gathers), guestSlots: make(chan struct{}, max(c.Gathers/ofGuests, 1)), saves: semaphore.NewWeighted(maxSaves), memory: newMemory(c.Images, c.Memory, c.Metrics)}
	e.clock = &clock{wall: c.Clock, monotonic: c.Monotonic, back: func() {
		c.Metrics.Add(metrics.ClockBack, 1)
		c.Notice("the clock was set back; decisions go on with the later time. If that one was wrong, restart the guard: nothing else helps")
	}}
	if c.State != "" {
		var err error
		if e.disk, err = openDisk(c.State, c.Images, c.Metrics); err != nil {
			return nil, err
		}
		if err := e.disk.writable(); err != nil {
			c.Notice("evidence is neither kept nor read: " + err.Error())
			e.disk = nil
		}
		if err := e.disk.prune(); err != nil {
			return nil, unsafe(c.State, err)
		}
	}
	e.life, e.end = context.WithCancel(context.Background())
	e.log = newDecisions(c.Decisions, c.Metrics)
	e.tellNoPolicy() // until one is read
	return e, nil
}

// Close ends what is under way and writes the log of decisions out. Nobody may ask any more.
func (e *Engine) Close() {
	e.end()
	e.work.Wait()
	e.log.close()
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&c.Fresh, 10 * time.Minute}, {&c.Stale, 12 * time.Hour}, {&c.Refused, 10 * time.Second}, {&c.GatherTimeout, 30 * time.Second}, {&c.Refresh, time.Minute}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	for _, d := range []struct {
		to    *int
		value int
	}{{&c.Images, 20_000}, {&c.Memory, 32 << 20}, {&c.Gathers, 16}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if c.NameOf == nil {
		c.NameOf = func(name string) string { return name }
	}
	if c.Jitter == nil {
		c.Jitter = func() float64 { return 0 }
	}
	if c.Notice == nil {
		c.Notice = func(string) {}
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Monotonic == nil {
		start := time.Now()
		c.Monotonic = func() time.Duration { return time.Since(start) }
	}
	return c
}

// Now is the time by which decisions are made: it does not run backwards.
func (e *Engine) Now() time.Time { return e.clock.now() }

// Edition is the policy in force; the zero Edition: there is none.
func (e *Engine) Edition() policy.Edition {
	if p := e.policy.Load(); p != nil {
		return p.Edition()
	}
	return policy.Edition{}
}

// broadcast tells everybody who waits.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
	}
	b.ch = nil
}

// Changed is closed when policy, trust or deny list change next: what runs has to be judged anew.
func (e *Engine) Changed() <-chan struct{} { return e.changed.wait() }

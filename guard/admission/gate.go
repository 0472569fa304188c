package admission

import (
	"context"
	"errors"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// Options are what a gate is made of. Asker, Tags and Now are required.
type Options struct {
	Asker engine.Asker
	Tags  Resolver
	Now   engine.Clock
	Modes Modes
	// Scope says why no image of a repository could be let through at all, whatever its digest; nil: one could be. Tags of those are not
	// resolved: whoever may make pods would have the guard talk to any host. Left out: there is none such.
	Scope func(name string) error
	// Reviewed, when set, is told of each review that was answered. Calls are concurrent.
	Reviewed func(Reviewed)
	// Deadline bounds a review where the caller does not say how long it waits, or says longer; 0: 10 s, the API's default.
	Deadline time.Duration
	// Underway bounds the reviews at one time, those among them that were answered at their deadline while their question goes on; 0: 512.
	// Half of them at most may be waiting for tags, so that registries which hang leave room for those that ask for verdicts.
	Underway int
}

// Phase is what the API server asked for.
type Phase string

// The phases.
const (
	Mutate   Phase = "mutate"
	Validate Phase = "validate"
)

// Reviewed is one review, answered.
type Reviewed struct {
	Phase     Phase
	Mode      Mode
	Who       engine.Who // of the object; without a container
	Operation string     // "CREATE", "UPDATE", ...
	// Outcome is "allowed", "denied", "warned" (denied in audit mode), "skipped" (nothing in it could start), or "malformed".
	Outcome  string
	Images   int       // distinct images that were asked about
	Kept     int       // places that were left alone because they did not change
	Pinned   int       // places that got a digest
	Refusals []Refusal // one for each image
	Duration time.Duration
}

// Gate answers reviews. It keeps nothing between them but tags' digests for some seconds, and is safe for concurrent use.
type Gate struct {
	opts     Options
	underway chan struct{}
	tags     chan struct{} // of those, who wait for tags
	rooms    rooms
}

// New makes a gate.
func New(opts Options) (*Gate, error) {
	if opts.Asker == nil || opts.Tags == nil || opts.Now == nil {
		return nil, errors.New("making an admission gate: it needs somebody to ask, a resolver of tags, and a clock")
	}
	if opts.Deadline <= 0 {
		opts.Deadline = defaultDeadline
	}
	if opts.Underway <= 0 {
		opts.Underway = 512
	}
	if opts.Scope == nil {
		opts.Scope = func(string) error { return nil }
	}
	if opts.Reviewed == nil {
		opts.Reviewed = func(Reviewed) {}
	}
	return &Gate{opts: opts, underway: make(chan struct{}, opts.Underway), tags: make(chan struct{}, (opts.Underway+1)/2), rooms: newRooms()}, nil
}

const (
	defaultDeadline = 10 * time.Second
	// The API server's timeout starts when it sends, and ends when it has read the answer: a fifth of it, within these bounds, is for the way.
	minMargin = 200 * time.Millisecond
	maxMargin = time.Second
)

// within is how long a review may take whose caller waits for timeout.
func (g *Gate) within(timeout time.Duration) time.Duration {
	if timeout <= 0 || timeout > g.opts.Deadline {
		timeout = g.opts.Deadline
	}
	return max(timeout-min(max(timeout/5, minMargin), maxMargin), timeout/2)
}

// errBusy: as many reviews are under way as may be.
var errBusy = errors.New("too many reviews are under way; try again")

// errPending: the deadline came before the verdict.
var errPending = errors.New("verdict pending, try again")

// bounded runs work for at most as long as ctx and gives up on it then; it goes on, and counts as under way until it ends, in each of the
// bounds. A panic in it is handed to the caller.
func bounded[T any](ctx context.Context, work func(context.Context) T, bounds ...chan struct{}) (out T, err error) {
	for n, b := range bounds {
		select {
		case b <- struct{}{}:
		default:
			leave(bounds[:n])
			return out, errBusy
		}
	}
	type result struct {
		value    T
		panicked any
	}
	done := make(chan result, 1)
	go func() {
		defer leave(bounds)
		var r result
		defer func() {
			r.panicked = recover()
			done <- r
		}()
		r.value = work(ctx)
	}()
	select {
	case r := <-done:
		if r.panicked != nil {
			panic(r.panicked)
		}
		return r.value, nil
	case <-ctx.Done():
	}
	select { // an answer that came with the deadline says more than that there was none
	case r := <-done:
		if r.panicked != nil {
			panic(r.panicked)
		}
		return r.value, nil
	case <-time.After(lastWords):
		return out, errPending
	}
}

func leave(bounds []chan struct{}) {
	for _, b := range bounds {
		<-b
	}
}

// lastWords is how long is waited for a denial that the deadline itself made.
const lastWords = 20 * time.Millisecond

package builder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/internal/diag"
)

const (
	// pulseEvery is the time between two looks at a builder in use.
	pulseEvery = 500 * time.Millisecond
	// silence is how long BuildKit may leave a question unanswered. Both are counted in looks (see daemon.Pulse).
	silence = 6 * time.Second
)

// attend looks after builders in use. The context that it returns ends, with a diagnostic as its cause, when one of them dies, is
// stopped or hangs: what its steps say after that is no finding (DESIGN §11 "heartbeat"). The function ends the watch.
func attend(parent context.Context, twins ...*twin) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	var watching sync.WaitGroup
	for _, t := range twins {
		watching.Go(func() {
			if err := t.watch(ctx); err != nil {
				cancel(err)
			}
		})
	}
	return ctx, func() { cancel(nil); watching.Wait() }
}

// watch looks at one builder until ctx ends, and gives the diagnostic for one that is out of order, after it has ended what is left
// of it: a stopped daemon keeps its containers, and the connection to it open, for ever.
func (t *twin) watch(ctx context.Context) error {
	v := t.vitals(ctx)
	defer v.end()
	for v.wait(pulseEvery) {
		_, why := v.look(pulseEvery)
		if why == nil || ctx.Err() != nil {
			continue
		}
		if t.lease != nil {
			why = errors.Join(why, t.lease.Kill(ctx))
		}
		return diag.Errorf("A0707", "builder %s is out of order: %w", t.label, why).
			WithWhy("what its steps say after that proves nothing").
			WithHelp("run the command again: the builder is started anew" + t.log())
	}
	return nil
}

// settle waits until every builder has shown that it is alive after this call, or ctx has ended because one is not. A step's failure
// counts only then: a dying builder may make its steps fail first.
func settle(ctx context.Context, twins ...*twin) {
	const step = 50 * time.Millisecond
	for _, t := range twins {
		v := t.vitals(ctx)
		for v.wait(step) {
			if fresh, why := v.look(step); fresh && why == nil {
				break
			}
		}
		v.end()
	}
}

// vitals are the signs of life of one builder. Beside the daemon's pulse they are BuildKit's answers to a question, asked again
// after each answer.
type vitals struct {
	ctx     context.Context //nolint:containedctx // that of one watch
	end     context.CancelFunc
	pulse   *daemon.Pulse // nil for a builder that somebody else runs
	ask     func(context.Context) error
	answers chan error
	asked   bool
	heard   bool
	silent  time.Duration
	last    error
}

func (t *twin) vitals(ctx context.Context) *vitals {
	v := &vitals{ask: t.client.Ping, answers: make(chan error, 1)}
	v.ctx, v.end = context.WithCancel(ctx)
	if t.lease != nil {
		v.pulse = t.lease.Pulse()
	}
	return v
}

// wait is false when the watch has ended.
func (v *vitals) wait(step time.Duration) bool {
	select {
	case <-v.ctx.Done():
		return false
	case <-time.After(step):
		return true
	}
}

// look looks once; step is the time since the last look. fresh says that the builder has shown that it is alive since the watch
// began, an error why it is out of order.
func (v *vitals) look(step time.Duration) (fresh bool, why error) {
	fresh = true
	if v.pulse != nil {
		if fresh, why = v.pulse.Look(step); why != nil {
			return false, why
		}
	}
	if !v.asked {
		v.asked = true
		go func() { v.answers <- v.ask(v.ctx) }()
	}
	select {
	case v.last = <-v.answers:
		v.asked = false
		if v.last == nil {
			v.heard, v.silent = true, 0
		}
	default:
	}
	if v.silent += step; v.silent > silence {
		return false, errors.Join(fmt.Errorf("BuildKit has not answered for %s", silence), v.last)
	}
	return fresh && v.heard, nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// Refresh reads policy, trust file and deny list anew. What cannot be taken is in the error, and what was in force stays until it ends by
// itself. When anything changed, everything kept is judged anew (policy) or gathered anew when it is asked for (trust, deny list), and
// Changed tells.
func (e *Engine) Refresh(ctx context.Context) error {
	e.refreshing.Lock()
	defer e.refreshing.Unlock()
	before := e.c.Gatherer.Epoch()
	failed := e.refreshTrust(ctx, before)
	after := e.c.Gatherer.Epoch()
	if after != before {
		e.dropRevoked()
	}
	e.tellDenyList(after)
	old, next, err := e.nextPolicy(ctx)
	if err != nil {
		e.c.Metrics.Add(metrics.RefreshFailed, 1, "policy")
		failed = errors.Join(failed, err)
	}
	gone := next == nil && old != nil && errors.Is(err, policy.ErrRevoked)
	if gone {
		e.drop(err)
	}
	if next != nil {
		e.policy.Store(next) // from here on every question is answered by the new one; no answer mixes both
		e.tellPolicy(next)
		e.judgeAll(ctx, old, next)
	}
	if failed == nil {
		e.c.Metrics.Put(metrics.RefreshedAt, float64(e.clock.now().Unix()))
	}
	if failed != nil {
		e.failed.Store(&failed)
	} else {
		e.failed.Store(nil)
	}
	if next != nil || gone || before != after {
		e.changed.tell()
	}
	return failed
}

// dropRevoked has a policy decide no more whose signer trust file or deny list no longer let sign, and does not wait for a registry to say which
// one is next: whoever stole the key wrote that policy, maybe.
func (e *Engine) dropRevoked() {
	if e.c.Stands == nil || e.policy.Load() == nil {
		return
	}
	if err := e.c.Stands(); errors.Is(err, policy.ErrRevoked) {
		e.drop(err)
		e.changed.tell()
	}
}

// drop leaves no policy in force.
func (e *Engine) drop(why error) {
	e.failed.Store(&why) // it is what denials say
	e.dropped.Store(e.policy.Load())
	e.policy.Store(nil)
	e.tellNoPolicy()
	e.c.Notice("no policy is in force, and everything is denied: " + why.Error())
}

// DenyListTimer is what a Gatherer may know of the deny list in force, without I/O.
type DenyListTimer interface {
	// DenyListTimes are when the list was issued and from when on it does not count any more; zero times: there is none.
	DenyListTimes() (issued, until time.Time)
	// Lacking says why no deny list counts, where one is asked for; nil: one does, or none is asked for, or nobody knows yet.
	Lacking() error
}

// tellDenyList says how long the list goes on counting. One that is read each minute, and that nobody renews, is no failure until everything
// is denied.
func (e *Engine) tellDenyList(epoch Epoch) {
	e.c.Metrics.Put(metrics.DenySequence, float64(epoch.Deny))
	g, ok := e.c.Gatherer.(DenyListTimer)
	if !ok {
		return
	}
	lacking := 0.0
	if g.Lacking() != nil {
		lacking = 1
	}
	e.c.Metrics.Put(metrics.DenyLacking, lacking)
	issued, until := g.DenyListTimes()
	for name, at := range map[metrics.Name]time.Time{metrics.DenyIssued: issued, metrics.DenyEnds: until} {
		seconds := 0.0
		if !at.IsZero() {
			seconds = float64(at.Unix())
		}
		e.c.Metrics.Put(name, seconds)
	}
}

// FileRefresher is what a Gatherer may do without I/O beyond this machine.
type FileRefresher interface {
	// RefreshFiles reads the files on this machine anew, so that what they take back counts before a registry has answered.
	RefreshFiles() error
}

// refreshTrust has the Gatherer read anew: its files first, and what changed there is acted upon at once, also for what runs.
func (e *Engine) refreshTrust(ctx context.Context, before Epoch) error {
	if g, ok := e.c.Gatherer.(FileRefresher); ok {
		_ = g.RefreshFiles() // Refresh says why not
		if e.c.Gatherer.Epoch() != before {
			e.dropRevoked()
			e.changed.tell()
		}
	}
	err := e.c.Gatherer.Refresh(ctx)
	if err != nil {
		e.c.Metrics.Add(metrics.RefreshFailed, 1, "trust")
	}
	return err
}

// nextPolicy reads the policy; next is nil where it is the one in force. It may come with an error: a policy that counts, and why no newer
// one could be read.
func (e *Engine) nextPolicy(ctx context.Context) (old, next *policy.Policy, err error) {
	old = e.policy.Load()
	if next, err = e.c.Policy(ctx); err != nil {
		err = fmt.Errorf("reading the policy: %w", err)
	}
	if old == nil || next == nil {
		return old, next, err
	}
	was, is := old.Edition(), next.Edition()
	switch {
	case is.SHA256 == was.SHA256 && next.Expires().Equal(old.Expires()): // the trust file may have another `maxAge` for a signed one
		return old, nil, err
	case is.Name == was.Name && is.Version < was.Version:
		return old, nil, diag.Errorf(diag.CodeGuardPolicy, "policy %s, version %d, is older than version %d, which is in force", is.Name, is.Version, was.Version).
			WithHelp("raise `version:` with each change")
	case !next.Expires().IsZero() && !e.clock.now().Before(next.Expires()):
		return old, nil, diag.Errorf(diag.CodeGuardPolicy, "policy %s, version %d, was over at %s", is.Name, is.Version, next.Expires().UTC().Format(time.RFC3339)).
			WithHelp("set another `expires:`")
	}
	return old, next, err
}

func (e *Engine) tellNoPolicy() {
	e.c.Metrics.Only(metrics.PolicyInfo, 0, "", "0", "")
	e.c.Metrics.Put(metrics.PolicyEnds, 0)
}

func (e *Engine) tellPolicy(p *policy.Policy) {
	ed := p.Edition()
	e.c.Metrics.Only(metrics.PolicyInfo, 1, ed.Name, fmt.Sprint(ed.Version), ed.SHA256)
	ends := 0.0
	if !p.Expires().IsZero() {
		ends = float64(p.Expires().Unix())
	}
	e.c.Metrics.Put(metrics.PolicyEnds, ends)
	e.c.Notice(fmt.Sprintf("policy %s, version %d (%.12s) is in force", ed.Name, ed.Version, ed.SHA256))
}

// judgeAll has a new policy decide over all kept evidence, so that nobody has to wait for that, and says what changed.
func (e *Engine) judgeAll(ctx context.Context, old, next *policy.Policy) {
	if old == nil {
		return
	}
	var allowed, denied, same atomic.Int64
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(max(runtime.GOMAXPROCS(0), 1))
	for _, k := range e.memory.keys() {
		if ctx.Err() != nil {
			break
		}
		workers.Go(func() error {
			now := e.clock.now()
			was := e.memory.get(k)
			if was == nil || !was.usable(e.c.Gatherer.Epoch(), e.lives, now) {
				return nil
			}
			if e.carry(k, was, old, next, now) {
				same.Add(1)
				return nil
			}
			have, kept := e.recall(k, now)
			if have == nil || have.epoch != was.epoch {
				return nil
			}
			switch is := e.judge(k, have, kept, next, now); {
			case is.verdict.Allow == was.verdict.Allow:
				same.Add(1)
			case is.verdict.Allow:
				allowed.Add(1)
			default:
				denied.Add(1)
			}
			return nil
		})
	}
	_ = workers.Wait() // nobody fails
	for label, n := range map[string]*atomic.Int64{"allowed": &allowed, "denied": &denied, "same": &same} {
		e.c.Metrics.Add(metrics.Rejudged, float64(n.Load()), label)
	}
	e.c.Notice(fmt.Sprintf("images judged again: %d; denied now: %d, allowed now: %d", allowed.Load()+denied.Load()+same.Load(), denied.Load(), allowed.Load()))
}

// Run refreshes until ctx ends: each Refresh, give or take a tenth; after a failure sooner, and ever less so.
func (e *Engine) Run(ctx context.Context) error {
	var told sync.Map // what was said already
	for failures := 0; ; {
		wait := e.c.Refresh
		if failures > 0 {
			wait = min(wait, time.Second<<min(failures, 16))
		}
		wait += time.Duration((e.c.Jitter() - 0.5) * 0.2 * float64(wait))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		err := e.Refresh(ctx)
		if err == nil {
			failures = 0
			told.Clear()
			continue
		}
		failures++
		if _, again := told.LoadOrStore(err.Error(), true); !again && ctx.Err() == nil {
			e.c.Notice(err.Error())
		}
	}
}

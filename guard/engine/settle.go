package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// settlement is how a flight ends.
type settlement struct {
	entry  *entry
	cached bool // no registry was asked
}

// settle comes to a verdict: over kept evidence where that counts, else over evidence that is gathered. It runs once for all who ask.
func (e *Engine) settle(k key, p *policy.Policy, guest bool) (out settlement) {
	defer func() {
		if r := recover(); r != nil { // one image must not take the others' gate down
			e.c.Notice(fmt.Sprintf("a bug: judging %s@%s: %v\n%s", k.name, k.digest, r, debug.Stack()))
			out = settlement{entry: e.fail(k, e.c.Gatherer.Epoch(), errors.New("internal error while judging"), e.wasDenied(k, nil))}
		}
	}()
	now, epoch := e.clock.now(), e.c.Gatherer.Epoch()
	old, had := e.recall(k, now)
	before := gathered{old, had}
	denied := e.wasDenied(k, old)
	if old != nil && old.usable(epoch, e.lives, now) {
		old = e.judge(k, old, had, p, now)
		if !old.due(old.verdict.Allow, e.lives, now) {
			return settlement{old, true}
		}
	} else {
		old = nil
	}
	got, err := e.gather(k, p, guest, before)
	switch {
	case err == nil:
		return settlement{entry: got}
	case old != nil && old.usable(e.c.Gatherer.Epoch(), e.lives, e.clock.now()):
		again := *old
		again.tried = e.clock.now()
		e.memory.touch(k, &again)
		e.c.Metrics.Add(metrics.StaleUsed, 1)
		return settlement{&again, true}
	}
	return settlement{entry: e.fail(k, epoch, err, denied)}
}

// wasDenied says whether what is known of an image from before, under whatever deny list, is that it is denied.
func (e *Engine) wasDenied(k key, old *entry) bool {
	for _, last := range []*entry{old, e.memory.get(k), e.memory.failure(k)} {
		if last != nil && last.denied {
			return true
		}
	}
	return false
}

// recall finds what is kept of an image, with its evidence. A file is of no use where it is older than what was gathered last: that was too
// large to keep, or could not be written, and may have said other things.
func (e *Engine) recall(k key, now time.Time) (*entry, *kept) {
	last := e.memory.get(k)
	if last != nil {
		if packed := e.memory.packed(k); packed != nil {
			if ev, err := unpack(packed); err == nil {
				return last, &kept{ev, packed}
			}
		}
	}
	old, had := e.disk.load(k, now)
	if old != nil && last != nil && old.gathered.Before(last.gathered) {
		e.c.Metrics.Add(metrics.CacheDropped, 1, "superseded")
		return nil, nil
	}
	return old, had
}

// judge has the policy decide over evidence and keeps the verdict.
func (e *Engine) judge(k key, old *entry, have *kept, p *policy.Policy, now time.Time) *entry {
	v := p.Decide(e.life, have.evidence, now)
	if e.c.AcceptVerdicts {
		v = v.Accepting(have.evidence, now)
	}
	judged := old.judged(v)
	e.memory.put(k, judged, have.packed)
	return judged
}

// fail keeps the failure, for seconds; and that the image is denied, for break-glass, until its evidence is gathered again.
func (e *Engine) fail(k key, epoch Epoch, err error, denied bool) *entry {
	out := &entry{epoch: epoch, gathered: e.clock.now(), failed: err, denied: denied}
	e.memory.fail(k, out)
	return out
}

// maxMoves is how often evidence is gathered anew because trust or deny list changed meanwhile.
const maxMoves = 3

// gather gets evidence, and judges it. All policies share one gathering: what is being gathered while the policy changes is of use to both.
func (e *Engine) gather(k key, p *policy.Policy, guest bool, before gathered) (*entry, error) {
	epoch := e.c.Gatherer.Epoch()
	one := lane(strings.Join([]string{k.name, k.digest.String(), epoch.Trust, fmt.Sprint(epoch.Deny)}, "\x00"), guest)
	got, err, _ := e.gathers.Do(one, func() (any, error) { return e.fetch(k, guest, before) })
	if err != nil {
		return nil, err
	}
	g := got.(gathered)
	return e.judge(k, g.entry, g.kept, p, e.clock.now()), nil
}

// gathered is evidence as it was gathered, now or before; nothing: none.
type gathered struct {
	entry *entry
	kept  *kept
}

// fetch asks the Gatherer, within a slot and a time of its own. before is what was kept of the image.
func (e *Engine) fetch(k key, guest bool, before gathered) (gathered, error) {
	leave, ok := e.slot(guest)
	if !ok {
		return gathered{}, errors.New("the guard is ending")
	}
	defer leave()
	ctx, cancel := context.WithTimeout(e.life, e.c.GatherTimeout)
	defer cancel()
	start := e.c.Monotonic()
	ev, epoch, err := e.ask(ctx, k)
	e.c.Metrics.Observe(metrics.GatherSeconds, (e.c.Monotonic() - start).Seconds())
	if err != nil {
		e.c.Metrics.Add(metrics.Gather, 1, "error")
		return gathered{}, err
	}
	e.c.Metrics.Add(metrics.Gather, 1, "ok")
	packed, err := pack(ev)
	if err != nil {
		return gathered{}, err
	}
	got := gathered{newEntry(ev, epoch, e.clock.now()), &kept{ev, packed}}
	e.compare(k, before, got)
	e.keep(k, got.entry, packed)
	return got, nil
}

// ask gathers under one epoch: evidence that was gathered while trust or deny list changed is of neither.
func (e *Engine) ask(ctx context.Context, k key) (*policy.Evidence, Epoch, error) {
	for range maxMoves {
		epoch := e.c.Gatherer.Epoch()
		ev, err := e.c.Gatherer.Gather(ctx, k.name, k.digest)
		switch {
		case err != nil:
			return nil, epoch, err
		case ev.Image.Digest != k.digest.String():
			return nil, epoch, fmt.Errorf("gathering evidence: it is about %.100q", ev.Image.Digest)
		case e.c.Gatherer.Epoch() == epoch:
			return &ev, epoch, nil
		}
	}
	return nil, Epoch{}, errors.New("trust file or deny list change faster than evidence can be gathered")
}

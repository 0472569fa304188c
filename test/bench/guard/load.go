package main

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// underway is how many pods an API server works on at once (its --max-mutating-requests-inflight, unless it is told otherwise).
const underway = 200

// outcome is what a load came to.
type outcome struct {
	took times // of each call, from when it was due
	// late is how long after a call was due, and there was room for it, it began: that much of took is the generator's own, as is what it uses
	// of the processors that it shares with who is measured.
	late   times
	used   time.Duration // processor time of this process, for each call
	failed int64         // calls that brought no verdict
	why    error         // of one of them
}

// load is an open one: call i is due i/rate seconds after the first, whatever became of the ones before it, and its time counts from then
// on, also what it waits because as many as may be are under way. One that begins when an answer is there would ask a slow server less
// often, and leave out what its callers wait.
//
// It collects no garbage meanwhile: that would be as much again as it does.
func load(ctx context.Context, rate, n int, call func(ctx context.Context, i int) error) (outcome, error) {
	debug.FreeOSMemory()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	every := time.Second / time.Duration(rate)
	l := &loading{call: call, took: make([]time.Duration, n), late: make([]time.Duration, n), jobs: make(chan job)}
	for range min(underway, n) {
		l.workers.Go(func() { l.work(ctx) })
	}
	before, began := ownProcessor(), time.Now()
	clock, err := newPace(every)
	if err == nil {
		err = errors.Join(l.hand(clock, began, every), clock.close())
	}
	close(l.jobs)
	l.workers.Wait()
	out := outcome{took: sorted(l.took), late: sorted(l.late), used: (ownProcessor() - before) / time.Duration(n), failed: l.failed.Load()}
	if out.failed > 0 {
		out.why = l.why
	}
	return out, err
}

// loading is a load under way.
type loading struct {
	call       func(ctx context.Context, i int) error
	took, late []time.Duration
	jobs       chan job // without a buffer: who takes one is free
	workers    sync.WaitGroup
	failed     atomic.Int64
	once       sync.Once
	why        error
}

// job is a call that is due. ready is when it could begin: when it was due, or later where there was no room until then. The zero time: there
// is none yet, so that it begins when it can.
type job struct {
	i          int
	due, ready time.Time
}

// hand gives each call out when it is due.
func (l *loading) hand(clock *pace, began time.Time, every time.Duration) error {
	var room time.Time // when there was last room again
	for i := 0; i < len(l.took); {
		ticks, err := clock.wait()
		if err != nil {
			return err
		}
		for ; ticks > 0 && i < len(l.took); ticks-- {
			j := job{i: i, due: began.Add(time.Duration(i+1) * every)}
			if j.ready = j.due; room.After(j.due) {
				j.ready = room
			}
			select {
			case l.jobs <- j:
			default:
				j.ready = time.Time{}
				l.jobs <- j
				room = time.Now()
			}
			i++
		}
	}
	return nil
}

// work makes calls, one after the other.
func (l *loading) work(ctx context.Context) {
	for j := range l.jobs {
		if !j.ready.IsZero() {
			l.late[j.i] = max(time.Since(j.ready), 0)
		}
		if err := l.call(ctx, j.i); err != nil {
			l.failed.Add(1)
			l.once.Do(func() { l.why = err })
		}
		l.took[j.i] = time.Since(j.due)
	}
}

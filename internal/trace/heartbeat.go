//go:build linux

package trace

import (
	"os"
	"time"
)

// heartbeat reports the journal's state at every beat until it is stopped. It runs beside the attendants: what it must show
// is that one of them is stuck.
type heartbeat struct {
	journal *journal
	base    Status
	every   time.Duration
	report  func(Status)
	stop    chan struct{}
	stopped chan struct{}

	beats uint64
	seen  map[*task]uint64 // the tasks at work at the last beat
	since map[*task]int    // and at how many beats before it they were at work on the same call
	busy  time.Duration    // the longest of these
}

func newHeartbeat(j *journal, base Status, every time.Duration, report func(Status)) *heartbeat {
	if report == nil {
		report = func(Status) {}
	}
	if every <= 0 {
		every = 500 * time.Millisecond
	}
	base.SchemaVersion, base.PID = 1, os.Getpid()
	h := &heartbeat{journal: j, base: base, every: every, report: report, stop: make(chan struct{}), stopped: make(chan struct{})}
	go h.run()
	return h
}

func (h *heartbeat) run() {
	defer close(h.stopped)
	ticker := time.NewTicker(h.every)
	defer ticker.Stop()
	h.beat()
	for {
		select {
		case <-ticker.C:
			h.beat()
		case <-h.stop:
			return
		}
	}
}

func (h *heartbeat) beat() {
	working, since := h.journal.working(), map[*task]int{}
	h.busy = 0
	for w, number := range working {
		if h.seen[w] == number {
			since[w] = h.since[w] + 1
		}
		h.busy = max(h.busy, time.Duration(since[w])*h.every)
	}
	h.seen, h.since = working, since
	h.report(h.now(StateRunning))
}

func (h *heartbeat) now(state string) Status {
	h.beats++
	s := h.base
	s.State, s.Beats, s.Beat, s.BusyMs = state, h.beats, time.Now().UTC(), h.busy.Milliseconds()
	s.NoNewPrivs, s.Counters, s.Notes = h.journal.noNewPrivs.Load(), h.journal.counters(), h.journal.noted()
	return s
}

// end stops the beats and reports how it ended.
func (h *heartbeat) end(r Result, err error) {
	close(h.stop)
	<-h.stopped
	s := h.now(StateExited)
	switch {
	case err != nil:
		s.State, s.Error = StateFailed, err.Error()
	case r.Signal != 0:
		s.Signal = r.Signal.String()
	default:
		s.ExitCode = &r.ExitCode
	}
	h.report(s)
}

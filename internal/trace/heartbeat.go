//go:build linux

package trace

import (
	"os"
	"time"
)

// heartbeat reports the journal's state at every beat until it is stopped. It runs beside the loop, not in it: what it must show
// is that the loop is stuck.
type heartbeat struct {
	journal *journal
	base    Status
	every   time.Duration
	report  func(Status)
	stop    chan struct{}
	stopped chan struct{}

	beats    uint64
	lastSeen uint64        // journal.stops at the last beat
	busy     time.Duration // how long that number has stood still while a stop was being worked on
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
	seen := h.journal.stops.Load()
	if h.journal.working.Load() && seen == h.lastSeen {
		h.busy += h.every
	} else {
		h.busy = 0
	}
	h.lastSeen = seen
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

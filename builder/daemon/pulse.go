package daemon

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/selfsame-build/selfsame/internal/trace"
)

const (
	// patience is how long a tracer may give no sign of life, on top of its beats' own distance. It is counted in looks and not
	// by the clock, so that a machine that slept, or was too busy to let us look, is not taken for a dead tracer.
	patience = 5 * time.Second
	// stoppedFor is how long a daemon may be stopped by a signal before it counts as out of order.
	stoppedFor = 2 * time.Second
)

// Pulse looks after a daemon in use: its supervisor, its first process (the tracer, or buildkitd where there is none) and the
// tracer's heartbeat. Whether buildkitd answers is for its client to ask.
type Pulse struct {
	state  state
	status string // the tracer's status file; empty without a tracer

	seen    uint64 // the last beat
	beats   int    // how many new ones were seen
	still   time.Duration
	stopped time.Duration
}

// Pulse begins to look after the daemon.
func (l *Lease) Pulse() *Pulse { return &Pulse{state: l.state, status: l.Status} }

// Tracer is what the tracer said of itself at its last beat; nothing without a tracer, or where it cannot be read.
func (l *Lease) Tracer() trace.Status {
	var s trace.Status
	if l.Status == "" || readJSON(l.Status, &s) != nil {
		return trace.Status{}
	}
	return s
}

// Look looks once; step is the time since the last look. fresh is true once the daemon has shown that it is alive now. An error
// says why the daemon is out of order; it will not mend itself.
func (p *Pulse) Look(step time.Duration) (fresh bool, err error) {
	if !p.state.runs() {
		return false, errors.New("its supervisor is gone")
	}
	switch stateOf(p.state.Daemon, p.state.DaemonStart) {
	case 0:
		return false, fmt.Errorf("its %s is gone", p.first())
	case 'T':
		if p.stopped += step; p.stopped >= stoppedFor {
			return false, fmt.Errorf("its %s was stopped (process %d)", p.first(), p.state.Daemon)
		}
		return false, nil
	}
	p.stopped = 0
	if p.status == "" {
		return true, nil
	}
	return p.heart(step)
}

// heart looks at the tracer's heartbeat. A status that cannot be read is a beat that was missed.
func (p *Pulse) heart(step time.Duration) (fresh bool, err error) {
	var s trace.Status
	if err := readJSON(p.status, &s); err == nil && s.Beats != p.seen {
		switch {
		case s.State != trace.StateRunning:
			return false, fmt.Errorf("its tracer ended (%s) %s", s.State, s.Error)
		case time.Duration(s.BusyMs)*time.Millisecond > patience:
			return false, fmt.Errorf("its tracer has worked on one system call for %d ms", s.BusyMs)
		}
		p.seen, p.still = s.Beats, 0
		p.beats++
		return p.beats > 1, nil // the first may be an old one
	}
	if p.still += step; p.still >= patience {
		return false, fmt.Errorf("its tracer gave no sign of life for %s (process %d)", p.still, p.state.Daemon)
	}
	return false, nil
}

func (p *Pulse) first() string {
	if p.status != "" {
		return "tracer"
	}
	return "buildkitd"
}

// killTimeout bounds the wait for processes that were killed.
const killTimeout = 2 * time.Second

// Kill ends a daemon that is out of order, whoever uses it, with all that it runs; the next Acquire starts another. It does not ask
// first: who is stopped does not listen.
func (l *Lease) Kill(ctx context.Context) error { return kill(ctx, l.state) }

func kill(ctx context.Context, st state) error {
	if st.runs() {
		_ = syscall.Kill(st.PID, syscall.SIGKILL) // the daemon's first process goes with it, and its PID namespace with that
	}
	if stateOf(st.Daemon, st.DaemonStart) != 0 {
		_ = syscall.Kill(st.Daemon, syscall.SIGKILL)
	}
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	for st.runs() || stateOf(st.Daemon, st.DaemonStart) != 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("ending the builder's process %d: %w", st.PID, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// healthy says whether a running daemon may be used: nothing of it is stopped, its tracer beats and buildkitd answers. Where the
// last sign of life is fresh this costs one exchange over its socket.
func (st state) healthy(ctx context.Context, status string) bool {
	p := &Pulse{state: st, status: status}
	const step = 100 * time.Millisecond
	for {
		fresh, err := p.Look(step)
		switch {
		case err != nil || ctx.Err() != nil:
			return false
		case fresh || p.still == 0 && p.stopped == 0 && p.recent():
			return answers(st.Socket)
		}
		select {
		case <-ctx.Done():
		case <-time.After(step):
		}
	}
}

// recent says whether the tracer's last beat is so fresh that the next need not be waited for.
func (p *Pulse) recent() bool {
	var s trace.Status
	age := time.Duration(-1)
	if err := readJSON(p.status, &s); err == nil {
		age = time.Since(s.Beat)
	}
	return age >= 0 && age < stoppedFor
}

package trace

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Status is what the tracer says about itself; `selfsame-vary run --status` writes it as JSON. Its fields are explained in
// cmd/selfsame-vary/README.md.
type Status struct {
	SchemaVersion      int       `json:"schemaVersion"`
	State              string    `json:"state"` // StateRunning, StateExited or StateFailed
	PID                int       `json:"pid"`   // the tracer
	Child              int       `json:"child"` // the command
	Beats              uint64    `json:"beats"`
	Beat               time.Time `json:"beat"`   // the real time
	BusyMs             int64     `json:"busyMs"` // how long, at least, the tracer has worked on one call
	ClockOffsetSeconds int64     `json:"clockOffsetSeconds"`
	VDSO               string    `json:"vdso"` // VDSORedirect or VDSOHide
	NoNewPrivs         bool      `json:"noNewPrivs"`
	Counters           Counters  `json:"counters"`
	Notes              []Note    `json:"notes,omitempty"`
	ExitCode           *int      `json:"exitCode,omitempty"`
	Signal             string    `json:"signal,omitempty"`
	Error              string    `json:"error,omitempty"`
}

// The states of a tracer and the ways in which programs read the clock.
const (
	StateRunning = "running"
	StateExited  = "exited"
	StateFailed  = "failed"
	VDSORedirect = "redirect"
	VDSOHide     = "hide"
)

// Counters count events since the start.
type Counters struct {
	Execs     uint64 `json:"execs"`     // programs started
	Patched   uint64 `json:"patched"`   // of these, with a redirected vDSO
	Hidden    uint64 `json:"hidden"`    // of these, with hidden vDSO clock functions, or no vDSO
	Unpatched uint64 `json:"unpatched"` // of these, with a vDSO that could not be changed: they may see the real clock
	Clock     uint64 `json:"clock"`     // clock calls answered one by one
	Fallback  uint64 `json:"fallback"`  // clock calls made by the vDSO itself, which its wrapper moves
	Uname     uint64 `json:"uname"`     // uname calls corrected
	Deadline  uint64 `json:"deadline"`  // deadlines moved back
	Rerouted  uint64 `json:"rerouted"`  // places that made such calls over and over, and make them without the tracer now
	Ptrace    uint64 `json:"ptrace"`    // attempts to use ptrace, refused
	I386      uint64 `json:"i386"`      // 32-bit programs started
	X32       uint64 `json:"x32"`       // x32 calls, not covered
	Foreign   uint64 `json:"foreign"`   // calls of an unknown ABI, not covered
	Errors    uint64 `json:"errors"`    // calls whose work could not be done
}

// Note names one event that a reader may have to act upon.
type Note struct {
	Kind   string `json:"kind"` // "ptrace", "unpatched", "x32", "foreign" or "error"
	PID    int    `json:"pid"`
	Comm   string `json:"comm"`
	Detail string `json:"detail"`
	Cgroup string `json:"cgroup,omitempty"` // for a build step, it ends in the container's name
}

// maxNotes bounds the notes; the counters go on.
const maxNotes = 32

// journal is the part of the tracer that the heartbeat reads while the loop writes.
type journal struct {
	execs, patched, hidden, unpatched, clock, fallback, uname, deadline, rerouted, ptrace, i386, x32, foreign, errors atomic.Uint64

	noNewPrivs atomic.Bool

	mu    sync.Mutex
	notes []Note
	tasks map[*task]struct{}
}

// task is what one attendant does. Its number is odd while it works on a call, and another one for each.
type task struct{ number atomic.Uint64 }

func (w *task) begin() { w.number.Add(1) }
func (w *task) end()   { w.number.Add(1) }

func (j *journal) enlist() *task {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.tasks == nil {
		j.tasks = map[*task]struct{}{}
	}
	w := &task{}
	j.tasks[w] = struct{}{}
	return w
}

func (j *journal) discharge(w *task) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.tasks, w)
}

// working returns the numbers of the tasks that are at work.
func (j *journal) working() map[*task]uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	busy := map[*task]uint64{}
	for w := range j.tasks {
		if n := w.number.Load(); n&1 == 1 {
			busy[w] = n
		}
	}
	return busy
}

func (j *journal) counters() Counters {
	return Counters{
		Execs: j.execs.Load(), Patched: j.patched.Load(), Hidden: j.hidden.Load(), Unpatched: j.unpatched.Load(),
		Clock: j.clock.Load(), Fallback: j.fallback.Load(), Uname: j.uname.Load(), Deadline: j.deadline.Load(), Ptrace: j.ptrace.Load(), Rerouted: j.rerouted.Load(),
		I386: j.i386.Load(), X32: j.x32.Load(), Foreign: j.foreign.Load(), Errors: j.errors.Load(),
	}
}

// add keeps a note, unless there are enough or an equal one for the same process.
func (j *journal) add(n Note) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, old := range j.notes {
		if old.Kind == n.Kind && old.PID == n.PID && old.Detail == n.Detail {
			return
		}
	}
	if len(j.notes) < maxNotes {
		j.notes = append(j.notes, n)
	}
}

func (j *journal) noted() []Note {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Note(nil), j.notes...)
}

// WriteStatus replaces file by s in one step, so that a reader never sees half of it.
func WriteStatus(file string, s Status) error {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("encoding status: %w", err)
	}
	temporary := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	if err := os.Rename(temporary, file); err != nil {
		return fmt.Errorf("replacing status: %w", err)
	}
	return nil
}

func (j *journal) full() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.notes) >= maxNotes
}

//go:build linux

package trace

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheckRefusesWhatCannotBeKept(t *testing.T) {
	for want, o := range map[string]Options{
		"no command":       {},
		"not whole":        {Command: []string{"x"}, ClockOffset: time.Millisecond},
		"longer than 64":   {Command: []string{"x"}, KernelRelease: strings.Repeat("x", 65)},
		"cpus -1: negativ": {Command: []string{"x"}, CPUs: -1},
	} {
		if err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
	if err := (Options{Command: []string{"x"}, ClockOffset: -time.Hour, KernelRelease: strings.Repeat("x", 64)}).check(); err != nil {
		t.Error(err)
	}
}

func TestLayouts(t *testing.T) {
	b := make([]byte, 8)
	for _, c := range []struct {
		l layout
		v int64
	}{{time64, -5}, {time64, 1 << 40}, {time32, -5}, {time32, 1829727404}} {
		c.l.store(b, c.v)
		if got := c.l.load(b); got != c.v {
			t.Errorf("layout %d: %d became %d", c.l, c.v, got)
		}
	}
}

func TestNotesAreBoundedAndNotRepeated(t *testing.T) {
	var j journal
	for i := range 3 * maxNotes {
		j.add(Note{Kind: "ptrace", PID: i / 2})
	}
	if n := len(j.noted()); n != maxNotes {
		t.Errorf("%d notes", n)
	}
	if !j.full() {
		t.Error("not full")
	}
}

// An attendant that is stuck in one call shows as a growing busyMs, however busy the others are; one that waits for calls as 0.
func TestHeartbeatTellsStuckFromIdle(t *testing.T) {
	var j journal
	var last Status
	h := &heartbeat{journal: &j, every: 10 * time.Millisecond, report: func(s Status) { last = s }}
	stuck, fine, gone := j.enlist(), j.enlist(), j.enlist()
	h.beat()
	if last.BusyMs != 0 || last.State != StateRunning {
		t.Errorf("idle: %+v", last)
	}
	stuck.begin()
	gone.begin()
	j.discharge(gone)
	for range 3 {
		fine.begin()
		h.beat()
		fine.end()
	}
	if last.BusyMs != 20 {
		t.Errorf("stuck: busyMs %d", last.BusyMs)
	}
	stuck.end()
	stuck.begin()
	h.beat()
	if last.BusyMs != 0 {
		t.Errorf("at its next call: %+v", last)
	}
	stuck.end()
	h.beat()
	if last.BusyMs != 0 || last.Beats != 6 {
		t.Errorf("idle again: %+v", last)
	}
}

func TestWriteStatusReplaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.json")
	for beat := range uint64(2) {
		if err := WriteStatus(file, Status{SchemaVersion: 1, State: StateRunning, Beats: beat}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s Status
	if err := json.Unmarshal(text, &s); err != nil || s.Beats != 1 {
		t.Errorf("%v: %s", err, text)
	}
	if err := WriteStatus(filepath.Join(file, "below", "a-file"), Status{}); err == nil {
		t.Error("a status that cannot be written is an error")
	}
}

func TestLongestCgroup(t *testing.T) {
	if got := longestCgroup("2:cpu:/a\n1:memory:/a/buildkit/xyz\n0::/\nnonsense\n"); got != "/a/buildkit/xyz" {
		t.Errorf("got %q", got)
	}
}

func TestIsDying(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tx\nState:\tZ (zombie)\n": true,
		"State:\tt (tracing stop)\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n": true,
		"State:\tR (running)\nSigPnd:\t0000000000000100\n":                                 true,
		"State:\tt (tracing stop)\nSigPnd:\t0000000000010000\nSigBlk:\t0000000000000100\n": false,
	} {
		if got := isDying(status); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
}

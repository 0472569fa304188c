//go:build linux

package main

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestClocksAreMoved(t *testing.T) {
	for _, c := range []struct {
		name, path string
		flags      []string
		seconds    int64
	}{
		{"dynamic", tools.dynamic, nil, offset},
		{"static", tools.static, nil, offset},
		{"dynamic, vDSO hidden", tools.dynamic, []string{"--hide-vdso"}, offset},
		{"static, vDSO hidden", tools.static, []string{"--hide-vdso"}, offset},
		{"into the past", tools.dynamic, []string{"--clock-offset", "-86400"}, -86400},
		{"not at all", tools.dynamic, []string{"--clock-offset", "0"}, 0},
		{"on one CPU", tools.dynamic, []string{"--cpus", "1", "--pin"}, offset},
		{"at fixed addresses", tools.dynamic, []string{"--fixed-addresses"}, offset},
		{"static, at fixed addresses", tools.static, []string{"--fixed-addresses"}, offset},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, "dynamic", c.path)
			o := vary(t, append(c.flags, "--", c.path, "clocks")...)
			wantMoved(t, o, c.seconds)
			if n := len(facts(o.out)); n < 15 {
				t.Errorf("only %d facts: %s", n, o.out)
			}
		})
	}
}

func TestGoProgramIsMoved(t *testing.T) {
	for _, flags := range [][]string{nil, {"--hide-vdso"}} {
		o := vary(t, append(flags, "--", need(t, "gosubject", tools.golang))...)
		wantMoved(t, o, offset)
		if !strings.Contains(o.out, "release 9.9.0-elsewhere\n") {
			t.Errorf("uname: %s", o.out)
		}
	}
}

func TestShellDateIsMoved(t *testing.T) {
	wantMoved(t, vary(t, "--", "sh", "-c", "(echo date $(date +%s))"), offset)
}

func TestI386ProgramIsMoved(t *testing.T) {
	path := need(t, "i386", tools.i386)
	if plain := plainRun(path); plain != nil {
		t.Skipf("SKIPPED: this kernel runs no 32-bit programs: %v", plain)
	}
	o := vary(t, "--", path)
	wantMoved(t, o, offset)
	if !strings.Contains(o.out, "release 9.9.0-elsewhere\n") || o.status.Counters.I386 != 1 {
		t.Errorf("%s%+v", o.out, o.status.Counters)
	}
}

func TestClocksAfterExecOfAnotherThread(t *testing.T) {
	wantMoved(t, vary(t, "--", need(t, "dynamic", tools.dynamic), "threadexec"), offset)
}

// The vDSO asks the kernel for a clock that it cannot read itself; its wrapper then adds the offset, so the tracer must not.
func TestVDSOFallbackIsNotMovedTwice(t *testing.T) {
	o := vary(t, "--", need(t, "dynamic", tools.dynamic), "clocks")
	if o.status.VDSO == "redirect" && o.status.Counters.Fallback == 0 {
		t.Error("CLOCK_REALTIME_ALARM was read through the vDSO and the tracer did not notice")
	}
	wantMoved(t, o, offset)
}

// What a program computes from the moved clock and hands back to the kernel must end when it should, not a year later.
func TestDeadlinesEndWhenTheyShould(t *testing.T) {
	for _, path := range []string{tools.dynamic, tools.static} {
		for _, flags := range [][]string{nil, {"--clock-offset", "-9528h"}} {
			o := vary(t, append(flags, "--", need(t, "dynamic", path), "deadlines")...)
			if o.exit != 0 || o.status.Counters.Deadline < 8 {
				t.Errorf("exit %d, %d deadlines: %s", o.exit, o.status.Counters.Deadline, o.out)
			}
			wantClean(t, o)
		}
	}
}

func TestUname(t *testing.T) {
	plain, err := plainOutput(need(t, "dynamic", tools.dynamic), "uname")
	if err != nil {
		t.Fatal(err)
	}
	real := strings.Split(strings.TrimSpace(plain), "|")
	for want, flags := range map[string][]string{
		real[0] + "|9.9.0-elsewhere|#1 SMP PREEMPT_DYNAMIC elsewhere|" + real[3]: nil,
		real[0] + "|1.2.3|#7|" + real[3]:                                         {"--kernel-release", "1.2.3", "--kernel-version", "#7"},
		real[0] + "|1.2.3|" + real[2] + "|" + real[3]:                            {"--kernel-release=1.2.3", "--kernel-version="},
		real[0] + "|" + real[1] + "|" + real[2] + "|" + real[3]:                  {"--kernel-release=", "--kernel-version="},
	} {
		o := vary(t, append(flags, "--", tools.dynamic, "uname")...)
		if got := strings.TrimSpace(o.out); got != want {
			t.Errorf("%v: got %q, want %q", flags, got, want)
		}
	}
}

// A place that asks over and over is led past the tracer, in a dynamic program by way of libc's one place for all calls, and in one that loads
// the number itself. The program checks every answer on the way there and after.
func TestHotSitesGetTheSameAnswers(t *testing.T) {
	need(t, "dynamic", tools.dynamic)
	for _, path := range []string{tools.dynamic, tools.static} {
		for _, flags := range [][]string{nil, {"--cpus", "1", "--pin"}, {"--hide-vdso"}, {"--clock-offset", "-9528h"}} {
			o := vary(t, append(flags, "--", path, "sites", "2000")...)
			for try := 0; try < 3 && o.status.Counters.Rerouted < 3; try++ { // on a busy machine a place is not always led past in time
				o = vary(t, append(flags, "--", path, "sites", "2000")...)
			}
			want := int64(offset)
			if len(flags) > 0 && flags[0] == "--clock-offset" {
				want = -want
			}
			wantMoved(t, o, want)
			if runtime.GOARCH == "amd64" && o.status.Counters.Rerouted < 3 {
				t.Errorf("%s %v: %d places are led past the tracer, want uname, the program's own and libc's", path, flags, o.status.Counters.Rerouted)
			}
			if n := o.status.Counters.Uname; runtime.GOARCH == "amd64" && n > 200 {
				t.Errorf("%s %v: %d calls of uname were answered one by one", path, flags, n)
			}
		}
	}
}

func TestVsyscallIsMoved(t *testing.T) {
	if err := plainRun(need(t, "dynamic", tools.dynamic), "vsyscall"); err != nil {
		t.Skipf("SKIPPED: this kernel has no vsyscall page: %v", err)
	}
	wantMoved(t, vary(t, "--", tools.dynamic, "vsyscall"), offset)
}

func TestFileTimesStayReal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	o := vary(t, "--", "sh", "-c", "touch "+file+" && echo mtime $(stat -c %Y "+file+")")
	wantMoved(t, o, 0)
}

func TestHostClockCannotBeSet(t *testing.T) {
	if o := vary(t, "--", need(t, "dynamic", tools.dynamic), "settime"); o.exit != 0 {
		t.Errorf("exit %d: %s", o.exit, o.out)
	}
}

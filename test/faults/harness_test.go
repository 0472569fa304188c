// Package faults runs the whole product into bad input and broken surroundings: every fault must end in its own exit code
// with a diagnostic, and leave nothing half done behind.
package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// program is bin/selfsame of this tree, or of the folder that SELFSAME_TEST_BIN names.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the whole product; not with -short")
	}
	return filepath.Join(fixture.Bin(t, "selfsame"), "selfsame")
}

// building skips where no image can be built.
func building(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("building needs root")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		if _, err := os.Stat("/usr/sbin/runc"); err != nil {
			t.Skip("runc is not installed: run make deps")
		}
	}
}

// machine is the folders that one imagined machine keeps: builders, store, keys.
type machine struct {
	t    *testing.T
	self string
	home string
	env  []string // on top of the test's own
}

// newMachine makes a machine with nothing on it, which ends with the test.
func newMachine(t *testing.T) *machine {
	t.Helper()
	self := program(t)
	building(t)
	// Not t.TempDir: its path may be too long for the builders' sockets.
	home, err := os.MkdirTemp("", "selfsame-fault-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, self: self, home: home}
	t.Cleanup(m.dispose)
	return m
}

// on is the same machine for another (sub)test.
func (m *machine) on(t *testing.T, env ...string) *machine {
	t.Helper()
	return &machine{t: t, self: m.self, home: m.home, env: env}
}

func (m *machine) dispose() {
	if out, err := m.command(".", "builders", "stop", "--remove").CombinedOutput(); err != nil {
		m.t.Errorf("stopping the builders: %v\n%s", err, out)
	}
	for _, p := range m.processes() {
		m.t.Errorf("process %s outlived its builder", p)
	}
	if err := os.RemoveAll(m.home); err != nil {
		m.t.Error(err)
	}
}

func (m *machine) command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(m.self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+m.home+"/state", "XDG_CACHE_HOME="+m.home+"/cache", "SELFSAME_KEY_PASSWORD=test")
	cmd.Env = append(cmd.Env, m.env...)
	return cmd
}

// result is what one command did.
type result struct {
	code     int
	out, err string
}

// run runs selfsame in dir.
func (m *machine) run(dir string, args ...string) result {
	m.t.Helper()
	return finish(m.t, m.command(dir, args...))
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must runs selfsame and expects an exit code, and each of the words on stderr.
func (m *machine) must(code int, dir string, args []string, words ...string) result {
	m.t.Helper()
	r := m.run(dir, args...)
	r.check(m.t, "selfsame "+strings.Join(args, " "), code, words...)
	return r
}

func (r result) check(t *testing.T, what string, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Fatalf("%s: exit %d, want %d\n%s%s", what, r.code, code, r.err, r.out)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("%s: stderr lacks %q:\n%s", what, w, r.err)
		}
	}
}

// build builds dir and gives the report.
func (m *machine) build(code int, dir string, args ...string) report.Result {
	m.t.Helper()
	r := m.must(code, dir, append([]string{"build", "--json", "-q"}, args...))
	var res report.Result
	if err := json.Unmarshal([]byte(r.out), &res); err != nil {
		m.t.Fatalf("reading the report: %v\n%s", err, r.out)
	}
	return res
}

// Package reproducibility runs the whole product on real recipes: the examples, which must come out the same wherever and
// whenever they are built, and the zoo, recipes broken in one known way each, which must be caught.
package reproducibility

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/flock"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// program is bin/selfsame of this tree.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds images for real; not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("building needs root")
	}
	path := filepath.Join(fixture.Bin(t, "selfsame"), "selfsame")
	if _, err := exec.LookPath("runc"); err != nil {
		if _, err := os.Stat("/usr/sbin/runc"); err != nil {
			t.Skip("runc is not installed: run make deps")
		}
	}
	return path
}

// machine is the folders that one imagined machine keeps: builders and store.
type machine struct {
	t    *testing.T
	self string
	home string
	// prefix goes before the command line, as `unshare --net` does.
	prefix []string
	env    []string // on top of the test's own
}

// machines are the imagined machines of this run by name; tests share them, as builds on one machine do.
var (
	machines   = map[string]string{}
	machinesMu sync.Mutex
)

// TestMain leaves no builder behind. What it starts has half of the limit of open files that it could have, as a shell's programs do, so that
// builder B can have more than A.
func TestMain(m *testing.M) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err == nil {
		l.Cur = l.Max / 2
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
	code := m.Run()
	for _, home := range machines {
		if err := dispose(home); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// onMachine gives the machine of that name; a new one has nothing on it.
func onMachine(t *testing.T, name string) *machine {
	t.Helper()
	machinesMu.Lock()
	defer machinesMu.Unlock()
	m := &machine{t: t, self: program(t), home: machines[name]}
	if m.home != "" {
		return m
	}
	var err error
	// Not t.TempDir: a machine outlives a test, and a socket's path must be short.
	if m.home, err = os.MkdirTemp("", "selfsame-test-"); err != nil { //nolint:usetesting // see above
		t.Fatal(err)
	}
	machines[name] = m.home
	own(t, m.home)
	sweep()
	return m
}

// on is the same machine for another (sub)test.
func (m *machine) on(t *testing.T) *machine {
	t.Helper()
	return &machine{t: t, self: m.self, home: m.home}
}

// owned are the open folders of machines: whose lock is held, somebody uses.
var owned []*os.File

func own(t *testing.T, home string) {
	t.Helper()
	f, err := os.Open(home)
	if err != nil {
		t.Fatal(err)
	}
	if err := flock.Lock(f, unix.LOCK_EX); err != nil && !flock.Unsupported(err) {
		t.Fatal(err)
	}
	owned = append(owned, f)
}

// sweep disposes of machines that a killed run left, which are gigabytes each. One that is a minute old may not have its lock yet.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "selfsame-test-*"))
	for _, home := range left {
		f, err := os.Open(home)
		if err != nil {
			continue
		}
		at, err := f.Stat()
		if err == nil && time.Since(at.ModTime()) > time.Minute && flock.Lock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
			fmt.Fprintln(os.Stderr, "removing what an earlier run left:", home, dispose(home))
		}
		f.Close()
	}
}

func dispose(home string) error {
	self, err := filepath.Abs("../../bin/selfsame")
	if err != nil {
		return err
	}
	m := &machine{self: self, home: home}
	if out, err := m.command(".", "builders", "stop", "--remove").CombinedOutput(); err != nil {
		return fmt.Errorf("stopping the builders: %w\n%s", err, out)
	}
	return os.RemoveAll(home)
}

func (m *machine) command(dir string, args ...string) *exec.Cmd {
	argv := append(append(append([]string{}, m.prefix...), m.self), args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+m.home+"/state", "XDG_CACHE_HOME="+m.home+"/cache", "SELFSAME_KEY_PASSWORD=test")
	cmd.Env = append(cmd.Env, m.env...)
	return cmd
}

// result is what one command did.
type result struct {
	code     int
	out, err string
	took     time.Duration
}

// run runs selfsame in dir.
func (m *machine) run(dir string, args ...string) result {
	m.t.Helper()
	cmd := m.command(dir, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return result{code: cmd.ProcessState.ExitCode(), out: out.String(), err: errs.String(), took: time.Since(start)}
}

// must runs selfsame and expects an exit code.
func (m *machine) must(code int, dir string, args ...string) result {
	m.t.Helper()
	r := m.run(dir, args...)
	if r.code != code {
		m.t.Fatalf("selfsame %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, tail(r.err, 60), r.out)
	}
	return r
}

// build builds dir and gives the report.
func (m *machine) build(code int, dir string, args ...string) report.Result {
	m.t.Helper()
	r := m.must(code, dir, append([]string{"build", "--json", "--progress", "plain"}, args...)...)
	var res report.Result
	if err := json.Unmarshal([]byte(r.out), &res); err != nil {
		m.t.Fatalf("reading the report: %v\n%s", err, r.out)
	}
	return res
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// clone copies an example to a fresh folder, as a second clone of the repository would have it, without locks and results.
func clone(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "clone", filepath.Base(dir))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == "selfsame-out" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case d.Name() == "selfsame.lock":
			return nil
		}
		return copyFile(path, filepath.Join(to, rel))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, st.Mode().Perm())
}

package gates

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs finds bin/ of this tree, or the folder that SELFSAME_TEST_BIN names; the test skips without what it needs.
func programs(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: runs a cluster and a node; not with -short")
	}
	dir := "../../bin"
	if d := os.Getenv("SELFSAME_TEST_BIN"); d != "" {
		dir = d
	}
	bin, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"selfsame-guard", "selfsame-pull"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Skipf("SKIPPED: bin/%s is not there: run make build", name)
		}
	}
	for _, name := range []string{"SELFSAME_CONTAINERD", "SELFSAME_KUBE_APISERVER", "SELFSAME_ETCD"} {
		if os.Getenv(name) == "" {
			t.Skipf("SKIPPED: %s is not set: make test sets it to what tools/build prints", name)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: containerd needs root")
	}
	return bin
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// write replaces a file in one step, as an operator should.
func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.MkdirAll(filepath.Dir(path), 0o755)) //nolint:gosec // containerd runs what is in it
	w.must(os.WriteFile(path+".new", []byte(text), 0o600))
	w.must(os.Rename(path+".new", path))
}

// ok runs a program that has to succeed, and gives what it printed.
func (w *world) ok(program string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(w.bin, program), args...) //nolint:gosec // ours
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// service is a process of selfsame-guard.
type service struct {
	cmd            *exec.Cmd
	stdout, stderr log
	ended          chan struct{}
}

// log is a buffer that two may use.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *log) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// serve runs a verb until it is killed, or the test ends.
func (w *world) serve(args ...string) *service {
	w.t.Helper()
	s := &service{ended: make(chan struct{}), cmd: exec.Command(filepath.Join(w.bin, "selfsame-guard"), args...)} //nolint:gosec // ours
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = w.dir, &s.stdout, &s.stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	w.must(s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // it is killed
		close(s.ended)
	}()
	w.whole.Cleanup(func() { // others of its parts need it, too
		s.kill()
		if w.whole.Failed() {
			w.whole.Logf("%s:\n%s", args[0], s.stderr.String())
		}
	})
	return s
}

func (s *service) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// stopped has the process do nothing at all while f runs.
func (s *service) stopped(f func()) {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	defer func() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }()
	f()
}

func (w *world) soon(what string, is func() bool) {
	w.t.Helper()
	for began := time.Now(); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			w.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

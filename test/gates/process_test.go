package gates

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// programs finds bin/; the test skips without what it needs.
func programs(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: runs a cluster and a node; not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: containerd needs root")
	}
	fixture.Set(t, "containerd", "kube-apiserver", "etcd")
	return fixture.Bin(t, "selfsame-guard", "selfsame-pull")
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
type service struct{ *fixture.Process }

// serve runs a verb until it is killed, or the test ends.
func (w *world) serve(args ...string) *service {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(w.bin, "selfsame-guard"), args...) //nolint:gosec // ours
	cmd.Dir = w.dir
	s := &service{fixture.Start(w.t, cmd)}
	w.whole.Cleanup(func() { // others of its parts need it, too
		s.Kill()
		if w.whole.Failed() {
			w.whole.Logf("%s:\n%s", args[0], s.Err.String())
		}
	})
	return s
}

// stopped has the process do nothing at all while f runs.
func (s *service) stopped(f func()) {
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	f()
}

func (w *world) soon(what string, is func() bool) { w.t.Helper(); fixture.Soon(w.t, what, is) }

package chain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/kube"
)

// world is a workshop, a registry, a cluster and a node. What is ours in it are the programs of bin/.
type world struct {
	t         *testing.T
	bin, home string
	host      string // the registry's
	api       *kube.Client
	node      *containerd.Node
	agent     *fixture.Process
	hook      *fixture.Process
	pods      int // that were asked for
}

// programs finds bin/; the test skips without what it needs.
func programs(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: runs the whole product; not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: building and containerd need root")
	}
	fixture.Set(t, "containerd", "kube-apiserver", "etcd")
	return fixture.Bin(t, "selfsame", "selfsame-guard", "selfsame-pull")
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bin: programs(t)}
	var err error
	// Not t.TempDir: its path may be too long for the builders' sockets.
	w.home, err = os.MkdirTemp("", "selfsame-chain-") //nolint:usetesting // see above
	w.must(err)
	t.Cleanup(func() {
		if code, _, said := w.run("selfsame", "builders", "stop", "--remove"); code != 0 {
			t.Errorf("stopping the builders: exit %d\n%s", code, said)
		}
		w.must(os.RemoveAll(w.home))
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.home, name) }

// write replaces a file below the world's folder.
func (w *world) write(name, text string) {
	w.t.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.must(os.WriteFile(w.path(name), []byte(text), 0o600))
}

// read reads one.
func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.path(name))
	w.must(err)
	return string(text)
}

// command is a program of ours, in the world's folder.
func (w *world) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(w.bin, program), args...)
	cmd.Dir = w.home
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+w.path("state"), "XDG_CACHE_HOME="+w.path("cache"), "SELFSAME_KEY_PASSWORD=test")
	return cmd
}

func (w *world) run(program string, args ...string) (code int, out, said string) {
	var stdout, stderr bytes.Buffer
	cmd := w.command(program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // its exit code says it
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// ok runs a program that has to succeed, and gives its stdout.
func (w *world) ok(program string, args ...string) string {
	w.t.Helper()
	code, out, said := w.run(program, args...)
	if code != 0 {
		w.t.Fatalf("%s %s: exit %d\n%s%s", program, strings.Join(args, " "), code, said, out)
	}
	return strings.TrimSpace(out)
}

// serve runs a program of ours until the test ends.
func (w *world) serve(program string, args ...string) *fixture.Process {
	w.t.Helper()
	s := fixture.Start(w.t, w.command(program, args...))
	w.t.Cleanup(func() {
		select {
		case <-s.Ended:
			w.t.Errorf("%s ended before the test did:\n%s", program, s.Err.String())
		default:
			s.Signal(syscall.SIGTERM)
		}
		select {
		case <-s.Ended:
		case <-time.After(time.Minute):
			w.t.Errorf("%s does not end", program)
			s.Kill()
		}
		if w.t.Failed() {
			w.t.Logf("%s %s:\n%s", program, args[0], s.Err.String())
		}
	})
	return s
}

func (w *world) soon(what string, is func() bool) { w.t.Helper(); fixture.Soon(w.t, what, is) }

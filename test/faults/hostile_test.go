package faults

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ears are all the places of this machine where a hostile step could be heard.
type ears struct {
	t        *testing.T
	host     string // an address of this machine that is not loopback
	tcp, udp string // ports
	socket   string
	abstract string

	mu    sync.Mutex
	heard []string
}

func listen(t *testing.T) *ears {
	t.Helper()
	e := &ears{t: t, host: ownAddress(t)}
	_, e.tcp, _ = net.SplitHostPort(e.serve("tcp", ":0", "TCP"))
	dir, err := os.MkdirTemp("", "selfsame-ears-") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e.socket, e.abstract = filepath.Join(dir, "sock"), filepath.Base(dir)
	e.serve("unix", e.socket, "a unix socket")
	e.serve("unix", "@"+e.abstract, "an abstract socket")
	c, err := net.ListenPacket("udp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, e.udp, _ = net.SplitHostPort(c.LocalAddr().String())
	go func() {
		var b [64]byte
		for {
			n, from, err := c.ReadFrom(b[:])
			if err != nil {
				return
			}
			e.hear("UDP %q from %s", b[:n], from)
			_, _ = c.WriteTo([]byte("arrived"), from)
		}
	}()
	return e
}

// serve answers whoever comes, and remembers.
func (e *ears) serve(network, at, what string) string {
	e.t.Helper()
	ln, err := net.Listen(network, at)
	if err != nil {
		e.t.Fatal(err)
	}
	s := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "arrived") }), //nolint:gosec // a test
		ConnState: func(c net.Conn, s http.ConnState) { e.state(what, c, s) },
	}
	go func() { _ = s.Serve(ln) }()
	e.t.Cleanup(func() { _ = s.Close() })
	return ln.Addr().String()
}

func (e *ears) state(what string, c net.Conn, s http.ConnState) {
	if s == http.StateNew {
		e.hear("%s from %s", what, c.RemoteAddr())
	}
}

func (e *ears) hear(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, fmt.Sprintf(format, args...))
}

// quiet expects that nobody came, and that the step says the same.
func (e *ears) quiet(when, report string) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.heard {
		e.t.Errorf("%s: heard %s", when, h)
	}
	e.heard = nil
	lines := strings.Split(strings.TrimSpace(report), "\n")
	if len(lines) < 30 {
		e.t.Errorf("%s: the step tried %d things only:\n%s", when, len(lines), report)
	}
	for _, l := range lines {
		if !strings.HasSuffix(l, `: "no"`) {
			e.t.Errorf("%s: %s", when, l)
		}
	}
}

func (e *ears) arguments() []string { return []string{e.host, e.tcp, e.udp, e.socket, e.abstract} }

// TestHostileStep has a step try every way out that we can think of, in a recorded run and in a sealed one, on both builders. Each try
// is heard where nothing stands in its way: the program runs once without a container first.
func TestHostileStep(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	e := listen(t)
	program := filepath.Join(t.TempDir(), "hostile")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "./testdata/hostile")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the step: %v\n%s", err, out)
	}
	free := filepath.Join(t.TempDir(), "free")
	if out, err := exec.Command(program, append(append([]string{free}, e.arguments()...), "free")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report := read(t, free)
	for _, name := range []string{"TCP to the machine", "TCP to the machine's loopback", "UDP to the machine", "UDP to the machine's loopback", "a unix socket of the machine", "an abstract socket of the machine"} {
		if strings.Contains(report, "\n"+name+`: "no"`) || !strings.Contains("\n"+report, "\n"+name+": ") {
			t.Errorf("without a container the step does not get through, so that this test would prove nothing: %s\n%s", name, report)
		}
	}
	e.mu.Lock()
	if len(e.heard) < 6 {
		t.Errorf("heard only %q", e.heard)
	}
	e.heard = nil
	e.mu.Unlock()

	dir := dockerfile(t, "FROM scratch\nCOPY hostile /\nRUN [\"/hostile\", \"/report\", \""+strings.Join(e.arguments(), `", "`)+"\"]\n")
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hostile"), data, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	r := m.must(0, dir, words("lock --progress plain"), "A0224", "A0225", "Dockerfile:3", "that is no GET")
	if n := strings.Count(r.err, "that is no GET"); n != 1 { // one line for all the methods of one address
		t.Errorf("%d lines about other methods:\n%s", n, r.err)
	}
	e.mu.Lock()
	for _, h := range e.heard {
		t.Errorf("recording: heard %s", h)
	}
	e.heard = nil
	e.mu.Unlock()
	m.must(0, dir, words("build -q"))
	e.quiet("sealed", fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/report"))
}

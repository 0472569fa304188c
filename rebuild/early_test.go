package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

// TestMain lets the test binary be a builder.
func TestMain(m *testing.M) {
	if len(os.Args) != 5 || os.Args[3] != "supervise" {
		os.Exit(m.Run())
	}
	// Started again it ends at once.
	mark, err := os.OpenFile(os.Args[2], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(mark, os.Getpid())
	}
	if err == nil {
		err = map[string]func(string) error{"ails": ail, "dawdles": dawdle}[os.Args[1]](os.Args[4])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ail is a builder in dir that greets whoever starts it, and nobody after that.
func ail(dir string) error {
	at, err := register(dir)
	if err == nil {
		err = greet(at)
	}
	if err != nil {
		return err
	}
	_ = at.Close()
	time.Sleep(time.Minute)
	return nil
}

// dawdle is a builder in dir that takes its time to start.
func dawdle(dir string) error {
	time.Sleep(time.Second)
	at, err := register(dir)
	for err == nil {
		err = greet(at)
	}
	return err
}

// register notes in dir that this process is the builder there, and listens where it is looked for.
func register(dir string) (net.Listener, error) {
	var r struct{ Socket, Identity string }
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return nil, err
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, err
	}
	start, err := strconv.ParseUint(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[19], 10, 64)
	if err != nil {
		return nil, err
	}
	state, err := json.Marshal(map[string]any{
		"pid": os.Getpid(), "start": start, "daemon": os.Getpid(), "daemonStart": start, "identity": r.Identity, "socket": r.Socket,
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state.json"), state, 0o600)
	}
	if err != nil {
		return nil, err
	}
	return net.Listen("unix", r.Socket)
}

// greet sends whoever comes next the settings that HTTP/2 begins with.
func greet(at net.Listener) error {
	c, err := at.Accept()
	if err == nil {
		_, err = c.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	}
	return err
}

// auditorWith is an auditor whose builder is this test binary, by what it does. The file that is returned has its process once it was started.
func (w *world) auditorWith(builder string, notice func()) (a *Auditor, mark string) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	a, mark = w.auditor(), filepath.Join(w.state, "process")
	without := a.Sandbox
	a.Sandbox = func(ctx context.Context) (*Sandbox, error) {
		box, err := without(ctx)
		if err == nil {
			box.Daemons().Binaries.Self = []string{self, builder, mark}
			box.Host.Notice = func(string, ...any) { notice() }
		}
		return box, err
	}
	return a, mark
}

// TestEarlyBuilderAils: a builder that was started early, and is out of order when it is wanted, is replaced. The audit does not wait for itself.
func TestEarlyBuilderAils(t *testing.T) {
	w := newWorld(t)
	o := Options{Release: signing.Trust{Keys: []*signing.Verifier{w.release.Verifier()}}, Reference: w.publish(), Timeout: 30 * time.Second}
	a, mark := w.auditorWith("ails", func() {})
	_, err := a.Audit(t.Context(), o)
	if list := diag.All(err); len(list) == 0 || list[0].Code != "A0701" {
		t.Errorf("%v\nwant A0701: it was started again", err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("no builder was started early:", err)
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestInterruptedWhileABuilderStarts: an audit that is interrupted then waits until its builder can be ended, and ends it.
func TestInterruptedWhileABuilderStarts(t *testing.T) {
	w := newWorld(t)
	o := Options{Release: signing.Trust{Keys: []*signing.Verifier{w.release.Verifier()}}, Reference: w.publish()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var a *Auditor
	var pid, mark string
	a, mark = w.auditorWith("dawdles", func() { // about to restore the inputs
		for began := time.Now(); pid == "" && time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
			data, _ := os.ReadFile(mark)
			pid = strings.TrimSpace(string(data))
		}
		cancel()
	})
	if _, err := a.Audit(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was interrupted", err)
	}
	if pid == "" {
		t.Fatal("no builder was started early")
	}
	if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && len(line) > 0 { // a zombie has none
		t.Errorf("it still runs: %q", line)
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

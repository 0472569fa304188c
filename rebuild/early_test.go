package rebuild

import (
	"context"
	"encoding/json"
	"io"
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

// TestMain lets the test binary be a builder that does not stay well.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "ails" {
		if err := ail(os.Args[2], os.Args[4]); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// ail is a builder, in dir, that greets whoever starts it and nobody after that. Started again it ends at once. mark says which it is.
func ail(mark, dir string) error {
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_ = f.Close()
	var r struct{ Socket, Identity string }
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return err
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	start, err := strconv.ParseUint(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[19], 10, 64)
	if err != nil {
		return err
	}
	state, err := json.Marshal(map[string]any{
		"pid": os.Getpid(), "start": start, "daemon": os.Getpid(), "daemonStart": start, "identity": r.Identity, "socket": r.Socket,
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state.json"), state, 0o600)
	}
	if err != nil {
		return err
	}
	at, err := net.Listen("unix", r.Socket)
	if err != nil {
		return err
	}
	c, err := at.Accept()
	if err == nil {
		_, err = c.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00")) // HTTP/2's settings
	}
	if err != nil {
		return err
	}
	_ = at.Close()
	time.Sleep(time.Minute)
	return nil
}

// TestEarlyBuilderAils: a builder that was started early, and is out of order when it is wanted, is replaced. The audit does not wait for itself.
func TestEarlyBuilderAils(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	o := Options{Release: signing.Trust{Keys: []*signing.Verifier{w.release.Verifier()}}, Reference: w.publish(), Timeout: 30 * time.Second}
	o.Rebuilder = func() (*signing.Signer, error) { t.Error("a key was opened"); return nil, io.EOF }
	a, mark := w.auditor(), filepath.Join(w.state, "ailing")
	empty := a.Sandbox
	a.Sandbox = func(ctx context.Context) (*Sandbox, error) {
		box, err := empty(ctx)
		if err == nil {
			box.Daemons().Binaries.Self = []string{self, "ails", mark}
		}
		return box, err
	}
	_, err = a.Audit(t.Context(), o)
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

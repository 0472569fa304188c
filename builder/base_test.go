package builder

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs"
)

// TestBaseWithinItsBound: the builders of a base may write as much as those of the image that stands on it, and are the same ones (audit
// --twice --disk). The program that would supervise them notes what it was told.
func TestBaseWithinItsBound(t *testing.T) {
	store, err := inputs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	dir := t.TempDir()
	self := []string{"/bin/sh", "-c", `cat "$2/run.json" >>` + dir + `/told; exit 1`, "self"}
	h := &Host{
		Store: store, Now: time.Now, Random: rand.Reader, TempDir: dir, CacheDir: filepath.Join(dir, "cache"), Memory: 8 << 30, CPUs: 2, Notice: t.Logf,
		Daemons: &daemon.Manager{Dir: filepath.Join(dir, "builders"), Binaries: daemon.Binaries{Self: self, Buildkitd: "/bin/false", Vary: "/bin/false", Runc: "/bin/false"}},
	}
	const bytes = 1 << 30
	_, err = h.proveBase(t.Context(), graph.DebianBase{Name: "debian", Rootfs: digest.FromString("rootfs")}, "linux/"+hostArch, time.Unix(1, 0), baseOptions{bytes: bytes})
	if err == nil {
		t.Fatal("a base was made by nothing")
	}
	told, readErr := os.ReadFile(filepath.Join(dir, "told"))
	if readErr != nil || !strings.Contains(strings.ReplaceAll(string(told), " ", ""), fmt.Sprintf(`"rootBytes":%d,`, bytes)) {
		t.Errorf("told %s\n%v, %v", told, err, readErr)
	}
}

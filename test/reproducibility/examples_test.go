package reproducibility

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// examples that must come out the same.
var examples = []string{"debian-base", "go-service", "node-app", "nginx-site", "c-make"}

// TestExamples builds each example from two clones at different paths and times, warm and cold, and once more with the
// network cut; every build gives one digest. The evidence of the last one verifies.
func TestExamples(t *testing.T) {
	first, second := onMachine(t, "first"), onMachine(t, "second")
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			a := &machine{t: t, self: first.self, home: first.home}
			b := &machine{t: t, self: second.self, home: second.home}
			here := clone(t, filepath.Join("../../examples", name))
			a.must(0, here, "lock", "--progress", "plain")
			cold := a.build(0, here)
			if !cold.Reproducible || cold.Digest == "" {
				t.Fatalf("not reproducible: %+v", cold)
			}
			warm := a.build(0, here)
			if warm.Digest != cold.Digest {
				t.Errorf("warm build: %s, cold build: %s", warm.Digest, cold.Digest)
			}
			elsewhere := clone(t, here)
			touch(t, elsewhere)
			if err := copyFile(filepath.Join(here, "selfsame.lock"), filepath.Join(elsewhere, "selfsame.lock")); err != nil {
				t.Fatal(err)
			}
			// The second machine has the first one's sealed inputs, other builders, and no network.
			copyStore(t, a, b)
			b.prefix = withoutNetwork(t)
			b.must(0, elsewhere, "key", "new", "--out", "k")
			cut := b.build(0, elsewhere, "--offline", "--key", "k.key")
			if cut.Digest != cold.Digest {
				t.Errorf("second clone without network: %s, first: %s", cut.Digest, cold.Digest)
			}
			b.must(0, elsewhere, "verify", "selfsame-out/image", "--key", "k.pub")
		})
	}
}

// withoutNetwork is a command prefix that leaves a command nothing but loopback.
func withoutNetwork(t *testing.T) []string {
	t.Helper()
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("unshare is not installed: run make deps")
	}
	return []string{path, "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}
}

// touch gives every file another time, as a later checkout would.
func touch(t *testing.T, dir string) {
	t.Helper()
	when := time.Now().Add(-1000 * time.Hour)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, when, when)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// copyStore brings one machine's sealed inputs to another, as a shared store or a seal would.
func copyStore(t *testing.T, from, to *machine) {
	t.Helper()
	dst := filepath.Join(to.home, "cache", "selfsame")
	if err := os.MkdirAll(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", "--reflink=auto", filepath.Join(from.home, "cache", "selfsame", "store"), dst).CombinedOutput(); err != nil {
		t.Fatalf("copying the store: %v\n%s", err, out)
	}
}

// TestBroken is the README's honest failure: the example that differs on purpose is refused, with its place.
func TestBroken(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "../../examples/broken")
	m.must(0, dir, "lock", "--progress", "plain")
	res := m.build(13, dir)
	if len(res.Findings) == 0 || res.Findings[0].Line == 0 {
		t.Errorf("findings %+v, want one with a line", res.Findings)
	}
	for _, d := range []string{"A", "B"} {
		if _, err := os.Stat(filepath.Join(dir, "selfsame-out", d)); err != nil {
			t.Errorf("result %s is not kept: %v", d, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "selfsame-out", "image")); err == nil {
		t.Error("an image was let out though the builds differ")
	}
}

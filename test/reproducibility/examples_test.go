package reproducibility

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/rebuild"
)

// examples that must come out the same.
var examples = []string{"debian-base", "go-service", "node-app", "nginx-site", "c-make"}

// TestExamples builds each example from two clones at different paths and times, warm and cold, and once more on another machine with the
// network cut; every build gives one digest. The evidence of the last one verifies, and one is audited. Two examples at once: one waits where the other computes.
func TestExamples(t *testing.T) {
	first, second := onMachine(t, "first"), onMachine(t, "second")
	here, digests := map[string]string{}, map[string]string{}
	for _, name := range examples {
		here[name] = clone(t, filepath.Join("../../examples", name))
	}
	var mu sync.Mutex
	t.Run("here", func(t *testing.T) {
		for _, name := range examples {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				digest := first.on(t).coldAndWarm(here[name])
				if name == "debian-base" {
					first.on(t).auditedOnKeptBase(here[name])
				}
				mu.Lock()
				defer mu.Unlock()
				digests[name] = digest
			})
		}
	})
	// The second machine has the first one's sealed inputs, other builders, and no network.
	prefix := withoutNetwork(t)
	copyCache(t, first, second, "store")
	t.Run("elsewhere", func(t *testing.T) {
		for _, name := range examples {
			t.Run(name, func(t *testing.T) {
				if name != examples[0] { // that a base comes out the same there is shown by the example that is nothing but a base
					copyCache(t, first, second, "debian", "bases")
					t.Parallel()
				}
				m := second.on(t)
				m.prefix = prefix
				m.offline(here[name], digests[name])
			})
		}
	})
}

// coldAndWarm locks an example, builds it twice and gives the digest.
func (m *machine) coldAndWarm(dir string) string {
	m.t.Helper()
	m.must(0, dir, "lock", "--progress", "plain")
	cold := m.build(0, dir)
	if !cold.Reproducible || cold.Digest == "" {
		m.t.Fatalf("not reproducible: %+v", cold)
	}
	if warm := m.build(0, dir); warm.Digest != cold.Digest {
		m.t.Errorf("warm build: %s, cold build: %s", warm.Digest, cold.Digest)
	}
	return cold.Digest
}

// auditedOnKeptBase publishes an example and has it audited: the base that the first audit makes is what the second one starts from, and says so.
func (m *machine) auditedOnKeptBase(dir string) {
	m.t.Helper()
	here := m.t.TempDir()
	m.must(0, here, "key", "new", "--out", "k")
	ref := m.build(0, dir, "--key", filepath.Join(here, "k.key"), "--seal", "same", "--push="+embedded(m.t, m)+"/team/base").Reference
	for _, want := range []struct{ kept, says string }{{"", ""}, {"debian:trixie", "kept"}} {
		var got rebuild.Result
		said := m.must(0, here, "audit", "-q", "--json", "--keep-bases", ref, "--release-key", "k.pub")
		if err := json.Unmarshal([]byte(said.out), &got); err != nil {
			m.t.Fatalf("reading the result: %v\n%s", err, said.out)
		}
		if got.Verdict != rebuild.Reproduced || len(got.Statements) == 0 || (want.kept == "") != (len(got.KeptBases) == 0) ||
			len(got.KeptBases) > 0 && !strings.HasPrefix(got.KeptBases[0], want.kept) {
			m.t.Fatalf("%+v, want the base %q to be one of before", got, want.kept)
		}
		var st struct {
			Predicate provenance.Rebuild `json:"predicate"`
		}
		data, err := os.ReadFile(filepath.Join(here, got.Statements[0].File))
		if err == nil {
			err = json.Unmarshal(data, &st)
		}
		if err != nil || string(st.Predicate.Bases) != want.says || st.Predicate.Result != provenance.ResultMatch {
			m.t.Errorf("%v: the statement says %q of its bases, want %q", err, st.Predicate.Bases, want.says)
		}
	}
}

// offline builds a second clone of an example.
func (m *machine) offline(dir, want string) {
	m.t.Helper()
	elsewhere := clone(m.t, dir)
	touch(m.t, elsewhere)
	if err := copyFile(filepath.Join(dir, "selfsame.lock"), filepath.Join(elsewhere, "selfsame.lock")); err != nil {
		m.t.Fatal(err)
	}
	m.must(0, elsewhere, "key", "new", "--out", "k")
	if cut := m.build(0, elsewhere, "--offline", "--key", "k.key"); cut.Digest != want {
		m.t.Errorf("second clone without network: %s, first: %s", cut.Digest, want)
	}
	m.must(0, elsewhere, "verify", "selfsame-out/image", "--key", "k.pub")
}

// withoutNetwork is a command prefix that leaves a command nothing but loopback: the same for all, so that builders outlive a command.
func withoutNetwork(t *testing.T) []string {
	t.Helper()
	enter, err := exec.LookPath("nsenter")
	if err != nil {
		t.Skip("nsenter is not installed: run make deps")
	}
	holder := exec.Command("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat")
	stdin, err := holder.StdinPipe() // the namespace is there until this is closed
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = holder.Wait() })
	if said, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("a network of its own: %q, %v", said, err)
	}
	return []string{enter, fmt.Sprintf("--net=/proc/%d/ns/net", holder.Process.Pid)}
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

// copyCache brings a part of what one machine keeps to another, as a shared store or a seal would. What is there already stays.
func copyCache(t *testing.T, from, to *machine, parts ...string) {
	t.Helper()
	dst := filepath.Join(to.home, "cache", "selfsame")
	if err := os.MkdirAll(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if out, err := exec.Command("cp", "-au", "--reflink=auto", filepath.Join(from.home, "cache", "selfsame", part), dst).CombinedOutput(); err != nil {
			t.Fatalf("copying the %s: %v\n%s", part, err, out)
		}
	}
}

// TestBroken is the README's honest failure: the example that differs on purpose is refused, with its place.
func TestBroken(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "../../examples/broken")
	m.lock(dir)
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

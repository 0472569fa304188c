package ground_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// remembering is a configuration with a deny list and a signed policy, whose state outlives the process.
func (w *world) remembering() ground.Config {
	c := w.config(w.trust(w.denylist() + w.policyAt()))
	c.Kept = filepath.Join(w.dir, "lists")
	m := &freshness.Memory{Dir: filepath.Join(w.dir, "seen")}
	c.Memory = func() (*freshness.Memory, error) { return m, nil }
	return c
}

func (w *world) policyAt() string { return "policy: {at: " + w.host + "/ops/policy}\n" }

// restart starts a ground and has it try the registry, as the guard does.
func (w *world) restart(c ground.Config) (*ground.Ground, error) {
	w.t.Helper()
	g, err := ground.Start(c)
	w.must(err)
	return g, g.Refresh(w.t.Context())
}

func down(*http.Request) bool { return true }

// lived is a world in which a verifier has run: its list of sequence 3 denies one image, its policy has version 3. The registry is down now.
func lived(t *testing.T) (*world, ground.Config, digest.Digest) {
	t.Helper()
	w := newWorld(t)
	bad := digest.FromString("bad")
	w.deny(3, bad)
	w.publish(3)
	c := w.remembering()
	g, err := w.restart(c)
	w.must(err)
	_, err = g.Policy(t.Context())
	w.must(err)
	w.asked = down
	return w, c, bad
}

// TestRestartWhileTheRegistryIsDown: what was in force is in force again, and says why it is no newer one.
func TestRestartWhileTheRegistryIsDown(t *testing.T) {
	w, c, bad := lived(t)
	w.asked = nil
	before := w.open(c).Epoch()
	w.asked = down
	g, err := w.restart(c)
	if err == nil || g.Lacking() != nil || g.Epoch() != before || before.Deny != 3 {
		t.Fatalf("%v, lacking %v, epoch %+v, before %+v", err, g.Lacking(), g.Epoch(), before)
	}
	if e, err := g.Gather(t.Context(), w.host+"/team/shop", bad); err != nil || len(e.Blocks) != 1 || e.Blocks[0].Verdict != "denied" {
		t.Errorf("what was denied: %+v, %v", e, err)
	}
	p, err := g.Policy(t.Context())
	if err == nil || errors.Is(err, policy.ErrRevoked) || p == nil || p.Edition().Version != 3 || !p.Expires().Equal(noon.Add(30*day)) {
		t.Errorf("policy %+v, %v", p, err)
	}
	// What comes after counts, without another restart.
	w.asked = nil
	w.deny(4)
	w.publish(4)
	w.must(g.Refresh(t.Context()))
	if p, err := g.Policy(t.Context()); err != nil || p.Edition().Version != 4 || g.Epoch().Deny != 4 {
		t.Errorf("the registry is there again: %+v, %v, epoch %+v", p, err, g.Epoch())
	}
	if files, _ := os.ReadDir(c.Kept); len(files) != 2 {
		t.Errorf("%d files are kept, want one list and one policy", len(files))
	}
}

// TestKeptListIsVerifiedAgain: the file proves nothing by lying there. Where it does not count, nothing is decided, in words.
func TestKeptListIsVerifiedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world, file string)
		code   diag.Code
		words  string
	}{
		"it has ended": {func(w *world, _ string) { w.now = noon.Add(7 * day) }, "A0560", "expired at 2026-12-05"},
		"an older one put back": {func(w *world, file string) {
			w.asked = nil
			old := read(w, file)
			w.deny(4)
			_, err := w.restart(w.remembering())
			w.must(err)
			w.must(os.WriteFile(file, old, 0o600))
			w.asked = down
		}, "A0560", "sequence 3 is an older one than was seen before, 4"},
		"a bit flipped": {func(w *world, file string) {
			b := read(w, file)
			b[len(b)/2] ^= 1
			w.must(os.WriteFile(file, b, 0o600))
		}, "A0561", ""},
		"cut short": {func(w *world, file string) { w.must(os.Truncate(file, 100)) }, "A0561", ""},
		"empty":     {func(w *world, file string) { w.must(os.Truncate(file, 0)) }, "A0561", ""},
		"huge":      {func(w *world, file string) { w.must(os.Truncate(file, 1<<40)) }, "", "no regular file"},
		"a pipe": {func(w *world, file string) { w.must(os.Remove(file)); w.must(unix.Mkfifo(file, 0o600)) },
			"", "no regular file"},
		"a link": {func(w *world, file string) {
			w.must(os.Rename(file, file+"2"))
			w.must(os.Symlink(file+"2", file))
		}, "", "reading the one that is kept"},
		"gone":          {func(w *world, file string) { w.must(os.Remove(file)) }, "", "none is kept"},
		"the policy's":  {func(w *world, file string) { w.must(os.WriteFile(file, read(w, kept(w, "policy")), 0o600)) }, "A0561", ""},
		"another key's": {func(w *world, _ string) { w.write("revoker.pub", string(w.keys["other"].Verifier().PEM())) }, "A0561", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, bad := lived(t)
			test.change(w, kept(w, "denylist"))
			g, err := ground.Start(c)
			w.must(err)
			why := g.Lacking()
			if why == nil || !strings.Contains(why.Error(), test.words) {
				t.Fatalf("it counts: %v", why)
			}
			if test.code != "" {
				wantCode(t, name, why, test.code)
			}
			if err := g.Refresh(t.Context()); err == nil || g.Lacking() == nil || g.Epoch().Deny != 0 {
				t.Errorf("refreshed: %v, lacking %v, epoch %+v", err, g.Lacking(), g.Epoch())
			}
			if e, err := g.Gather(t.Context(), w.host+"/team/shop", bad); err == nil || !strings.Contains(err.Error(), "no deny list that counts") {
				t.Errorf("decided: %+v, %v", e, err)
			}
			w.asked = nil
			w.write("revoker.pub", string(w.keys["revoker"].Verifier().PEM()))
			w.deny(5, bad)
			if err := g.Refresh(t.Context()); err != nil || g.Lacking() != nil || g.Epoch().Deny != 5 {
				t.Errorf("the registry is there again: %v, lacking %v, epoch %+v", err, g.Lacking(), g.Epoch())
			}
		})
	}
}

func read(w *world, file string) []byte {
	w.t.Helper()
	data, err := os.ReadFile(file)
	w.must(err)
	return data
}

// kept is the one file of a kind.
func kept(w *world, kind string) string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "lists", kind+"-*.json"))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

// TestFilesCountWhileTheRegistryIsDown: who takes a key out of the trust file need not wait for a registry.
func TestFilesCountWhileTheRegistryIsDown(t *testing.T) {
	signers := func(w *world, release, revoker, rules string) {
		w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: ["+release+".pub], roles: [release]}\n  ops: {keys: ["+revoker+".pub], roles: [revoker]}\n  rules: {keys: ["+rules+".pub], roles: [policy]}\n"+w.denylist()+w.policyAt())
	}
	w, c, _ := lived(t)
	g, err := w.restart(c)
	if err == nil {
		t.Fatal("the registry is not down")
	}
	_, _ = g.Policy(t.Context())
	first := g.Epoch()

	w.write("more.pub", string(w.keys["other"].Verifier().PEM()))
	signers(w, "more", "revoker", "rules")
	w.must(g.RefreshFiles())
	second := g.Epoch()
	if second.Trust == first.Trust || second.Deny != 3 || g.Lacking() != nil || signerOf(g, "release") != w.keys["other"].Key() {
		t.Errorf("release: epoch %+v, lacking %v", second, g.Lacking())
	}
	// A policy whose signer is out does not go on.
	signers(w, "release", "revoker", "more")
	_ = g.Refresh(t.Context())
	if p, err := g.Policy(t.Context()); p != nil || !errors.Is(err, policy.ErrRevoked) {
		t.Errorf("policy: %v, %v", p, err)
	}
	// Nor does a list.
	signers(w, "release", "more", "rules")
	w.must(g.RefreshFiles())
	wantCode(t, "revoker", g.Lacking(), "A0561")
	if got := g.Epoch(); got.Deny != 0 || got.Trust == first.Trust {
		t.Errorf("revoker: epoch %+v", got)
	}
	// And back: what is kept counts again.
	signers(w, "release", "revoker", "rules")
	w.must(g.RefreshFiles())
	if p, _ := g.Policy(t.Context()); p == nil || p.Edition().Version != 3 || g.Lacking() != nil || g.Epoch().Deny != 3 {
		t.Errorf("back: %v, lacking %v, epoch %+v", p, g.Lacking(), g.Epoch())
	}
	// A file that cannot be read changes nothing.
	before := g.Epoch()
	w.write("trust.yaml", "trust: v9\n")
	if err := g.RefreshFiles(); err == nil || g.Epoch() != before {
		t.Errorf("a broken file: %v, epoch %+v", err, g.Epoch())
	}
}

func signerOf(g *ground.Ground, name string) trust.Key {
	for _, s := range g.Options().Signers {
		if s.Name == name && len(s.Keys) == 1 {
			return s.Keys[0]
		}
	}
	return trust.Key{}
}

// TestPlainPolicyOlderThanSeen: the highest version outlives the process, and the message says how to go back on purpose.
func TestPlainPolicyOlderThanSeen(t *testing.T) {
	w := newWorld(t)
	c := w.remembering()
	c.Setup.Trust = w.trust("")
	c.Setup.Policy = ground.PolicyAt{At: w.write("policy.yaml", rules(7))}
	version := func(v int) error {
		w.write("policy.yaml", rules(v))
		p, err := w.open(c).Policy(t.Context())
		if err == nil && p.Edition().Version != v {
			t.Errorf("version %d, want %d", p.Edition().Version, v)
		}
		return err
	}
	w.must(version(7))
	w.must(version(7))
	err := version(6)
	wantCode(t, "an older one", err, "A0903")
	all := diag.All(err)
	if len(all) != 1 || !strings.Contains(err.Error(), "version 6, is older than version 7") || !strings.Contains(all[0].Help, "above 7, or stop the guard, remove `"+filepath.Join(w.dir, "seen")) {
		t.Fatalf("%+v", all)
	}
	_, file, _ := strings.Cut(all[0].Help, "remove `")
	file, _, _ = strings.Cut(file, "`")
	w.must(os.Remove(file))
	w.must(version(6))
	// One that is over is not remembered: a wrong end can be taken back.
	w.write("policy.yaml", strings.Replace(rules(9), "version: 9\n", "version: 9\nexpires: 2026-11-28T11:00:00Z\n", 1))
	_, err = w.open(c).Policy(t.Context())
	w.must(err)
	w.must(version(8))
}

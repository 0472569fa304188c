package engine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// kept is a world with a folder, in which one image was gathered and its evidence written.
func kept(t *testing.T) (w *world, file string) {
	t.Helper()
	w = newWorld(t, func(c *engine.Config) { c.State = filepath.Join(t.TempDir(), "evidence") })
	w.want("cold", good, true, engine.ClassOK, false, 1)
	w.Close()
	files, err := filepath.Glob(filepath.Join(w.config.State, "*.evidence"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return w, files[0]
}

func TestRestartIsWarm(t *testing.T) {
	w, _ := kept(t)
	w.f.set(func(f *fake) { f.err = errDown })
	w.pass(30 * time.Second)
	w.open()
	w.want("after a restart, the registry down", good, true, engine.ClassOK, true, 1)
	w.pass(30 * time.Second)
	w.want("its age goes on", good, true, engine.ClassOK, true, 2) // due, asked for in vain
}

// TestRestartJudgesAnew: what is kept is evidence. The policy of now decides.
func TestRestartJudgesAnew(t *testing.T) {
	w, _ := kept(t)
	w.write(text(2, `signatures.exists(s, s.signer == "somebody else")`, ""))
	w.open()
	w.want("another policy", good, false, engine.ClassRule, true, 1)
}

func TestKeptEvidenceIsRefused(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world, file string){
		"of another trust file": func(_ *testing.T, w *world, _ string) {
			w.f.set(func(f *fake) { f.epoch.Trust, f.next.Trust = "t2", "t2" })
		},
		"of another deny list": func(_ *testing.T, w *world, _ string) {
			w.f.set(func(f *fake) { f.epoch.Deny, f.next.Deny = 2, 2 })
		},
		"too old": func(_ *testing.T, w *world, _ string) { w.pass(time.Hour) },
		"of the future: the clock was set back": func(_ *testing.T, w *world, _ string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.back = time.Hour
		},
		"others can write it": func(t *testing.T, _ *world, file string) { check(t, os.Chmod(file, 0o620)) },
		"a link": func(t *testing.T, _ *world, file string) {
			check(t, os.Rename(file, file+"2"))
			check(t, os.Symlink(file+"2", file))
		},
		"a folder": func(t *testing.T, _ *world, file string) {
			check(t, os.Remove(file))
			check(t, os.Mkdir(file, 0o700))
		},
		"a bit flipped": func(t *testing.T, _ *world, file string) {
			edit(t, file, func(b []byte) []byte { b[bytes.LastIndex(b, []byte("team/shop"))] ^= 1; return b })
		},
		"cut short": func(t *testing.T, _ *world, file string) {
			edit(t, file, func(b []byte) []byte { return b[:len(b)-1] })
		},
		"empty": func(t *testing.T, _ *world, file string) { edit(t, file, func([]byte) []byte { return nil }) },
		"another version": func(t *testing.T, _ *world, file string) {
			edit(t, file, func(b []byte) []byte { return bytes.Replace(b, []byte("evidence/v2"), []byte("evidence/v9"), 1) })
		},
		"of another image": func(t *testing.T, _ *world, file string) {
			edit(t, file, func(b []byte) []byte { return bytes.Replace(b, []byte("team/shop"), []byte("team/show"), 1) })
		},
		"an unknown field": func(t *testing.T, _ *world, file string) {
			edit(t, file, func(b []byte) []byte {
				return bytes.Replace(b, []byte(`{"format"`), []byte(`{"allow":true,"format"`), 1)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, file := kept(t)
			change(t, w, file)
			w.open()
			w.want("gathered anew", good, true, engine.ClassOK, false, 2)
		})
	}
}

func TestStateFolderOfOthersIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	check(t, os.Mkdir(dir, 0o755))
	if _, err := engine.New(engine.Config{State: dir}); diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("one that others may read: %v", err)
	}
	check(t, os.Chmod(dir, 0o700))
	link := dir + "-link"
	check(t, os.Symlink(dir, link))
	if _, err := engine.New(engine.Config{State: link}); diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("a link: %v", err)
	}
	e, err := engine.New(engine.Config{State: dir})
	check(t, err)
	e.Close()
}

// TestMemoryIsBounded: what does not fit is read from disk, and beyond that gathered anew.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) {
		c.State, c.Images, c.Memory = filepath.Join(t.TempDir(), "evidence"), 4, 300
	})
	w.f.signed = true
	for i := range 8 {
		w.ask(digest.FromString(string(rune('a' + i))))
	}
	w.Close()
	w.open() // prunes
	files, err := filepath.Glob(filepath.Join(w.config.State, "*.evidence"))
	if err != nil || len(files) != 4 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, change(data), 0o600))
}

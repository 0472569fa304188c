package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

// object has evidence say that somebody trusted objects; more makes it too large to keep.
func object(more int) func(*policy.Evidence) {
	return func(ev *policy.Evidence) {
		ev.Blocks = append(ev.Blocks, policy.Block{Verdict: "not-reproduced", Reason: "a scanner objects", ExitCode: 14})
		ev.Statements = append(ev.Statements, policy.Statement{Signer: "scanner", Type: strings.Repeat("x", more)})
	}
}

// TestOlderEvidenceDoesNotStandIn: what was gathered last counts, however little of it could be kept.
func TestOlderEvidenceDoesNotStandIn(t *testing.T) {
	for name, test := range map[string]struct {
		more int
		// between is what happens after the objection was gathered.
		between func(t *testing.T, w *world)
	}{
		"judged again in memory, too large to keep": {17 << 20, func(*testing.T, *world) {}},
		"restart, too large to keep":                {17 << 20, func(_ *testing.T, w *world) { w.Close(); w.open() }},
		"restart":                                   {0, func(_ *testing.T, w *world) { w.Close(); w.open() }},
		"the file of before is put back": {0, func(t *testing.T, w *world) {
			w.Close() // so that the newer one is written
			w.open()
			w.ask(good)
			putBack(t, w)
		}},
		"no room in memory, the file of before is put back": {0, func(t *testing.T, w *world) {
			w.Close()
			w.open()
			w.ask(good)
			putBack(t, w)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *engine.Config) {
				c.State = filepath.Join(t.TempDir(), "evidence")
				if strings.HasPrefix(name, "no room") {
					c.Memory = 1
				}
			})
			w.want("before", good, true, engine.ClassOK, false, 1)
			w.Close()
			files, _ := filepath.Glob(filepath.Join(w.config.State, "*.evidence"))
			if len(files) != 1 {
				t.Fatalf("%d files", len(files))
			}
			check(t, os.Link(files[0], filepath.Join(w.config.State, "old")))
			w.open()
			w.f.set(func(f *fake) { f.change = object(test.more) })
			w.pass(time.Minute)
			w.want("somebody objects", good, false, engine.ClassObjected, false, 2)
			test.between(t, w)
			w.f.set(func(f *fake) { f.err = errDown })
			w.write(text(2, signed, "")) // judged again, over what is kept
			check(t, w.Refresh(t.Context()))
			if a := w.ask(good); a.Allow {
				t.Errorf("the older evidence counts: %+v", a)
			}
		})
	}
}

func putBack(t *testing.T, w *world) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.config.State, "*.evidence"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	check(t, os.Rename(filepath.Join(w.config.State, "old"), files[0]))
}

// TestGoneStatementsAreSaid: newer evidence that says less counts, and not without a word.
func TestGoneStatementsAreSaid(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) { c.State = filepath.Join(t.TempDir(), "evidence") })
	w.f.change = func(ev *policy.Evidence) {
		ev.Signatures = append(ev.Signatures, policy.Signature{Signer: "scanner", Type: "https://example.com/scan/v1", Statement: "beef"})
	}
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.pass(time.Minute)
	w.want("the same again", good, true, engine.ClassOK, false, 2)
	if w.noticed("are gone") {
		t.Errorf("%q", w.notices)
	}
	w.Close()
	w.open()
	w.f.set(func(f *fake) { f.change = nil })
	w.pass(time.Minute)
	if a := w.want("one is gone", good, true, engine.ClassOK, false, 3); !a.Gathered.Equal(start.Add(2 * time.Minute)) {
		t.Errorf("gathered %v", a.Gathered)
	}
	if !w.noticed("1 statement(s) about " + shop + "@" + good.String() + " that were there at 2026-11-28T12:01:00Z are gone, first https://example.com/scan/v1 by scanner") {
		t.Errorf("%q", w.notices)
	}
}

// TestFloodPushesNothingOut: whatever number of images without evidence, or that do not exist, is asked about.
func TestFloodPushesNothingOut(t *testing.T) {
	for name, state := range map[string]string{"memory": "", "folder": filepath.Join(t.TempDir(), "evidence")} {
		w := newWorld(t, func(c *engine.Config) { c.State, c.Images = state, 8 })
		w.want(name+": before", good, true, engine.ClassOK, false, 1)
		for i := range 40 {
			w.ask(digest.FromString(fmt.Sprint("nobody signed it", i)))
		}
		w.f.set(func(f *fake) { f.err = errDown })
		for i := range 40 {
			w.ask(digest.FromString(fmt.Sprint("not there", i)))
		}
		w.want(name+": after", good, true, engine.ClassOK, true, 81)
		if state == "" {
			continue
		}
		w.Close()
		w.open()
		w.want("after a restart", good, true, engine.ClassOK, true, 81)
		files, err := os.ReadDir(w.config.State)
		if err != nil || len(files) > 8+2 {
			t.Errorf("%d files, %v", len(files), err)
		}
	}
}

// TestDeniedIsRemembered: break-glass does not open for what evidence showed to be denied, also after a restart.
func TestDeniedIsRemembered(t *testing.T) {
	w := broken(t, evil)
	w.Close()
	w.config.State = filepath.Join(t.TempDir(), "evidence")
	w.open()
	w.f.inside = map[digest.Digest]bool{evil: true}
	w.want("denied", evil, false, engine.ClassDenied, false, 1)
	w.Close()
	w.f.set(func(f *fake) {
		f.epoch.Deny, f.next.Deny = 2, 2
		f.gather = func(ctx context.Context, _ digest.Digest) { <-ctx.Done() } // the registry hangs
	})
	w.open()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a := w.Ask(ctx, engine.Question{Name: shop, Digest: evil, Who: engine.Who{Gate: engine.GateStart, Namespace: "shop"}})
	if a.Allow || a.Class != engine.ClassPending || !strings.Contains(a.Denial(), "the deny list named it") {
		t.Errorf("%+v", a)
	}
}

// TestTwoEnginesOnOneFolder: an agent and a webhook may share one.
func TestTwoEnginesOnOneFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	share := func(c *engine.Config) { c.State, c.Images, c.Refused = dir, 8, time.Nanosecond }
	var all sync.WaitGroup
	for range 2 {
		w := newWorld(t, share)
		w.f.signed = true
		for i := range 64 {
			all.Go(func() {
				if a := w.ask(digest.FromString(fmt.Sprint(i % 12))); !a.Allow {
					t.Error(a.Denial())
				}
			})
		}
	}
	all.Wait()
}

// TestLeftOfAKilledProcess: half a file is never read, and goes.
func TestLeftOfAKilledProcess(t *testing.T) {
	w, file := kept(t)
	left := filepath.Join(w.config.State, "."+filepath.Base(file)+".tmp-1")
	data, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(left, data[:len(data)/2], 0o600))
	w.open()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	w.want("the whole one is read", good, true, engine.ClassOK, true, 1)
}

// mounted is a small filesystem of its own.
func mounted(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	check(t, os.Mkdir(dir, 0o700))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("SKIPPED: a filesystem cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// TestFullFolder: verdicts are given all the same, no older file stays, and it is said once.
func TestFullFolder(t *testing.T) {
	dir := mounted(t)
	w := newWorld(t, func(c *engine.Config) { c.State = filepath.Join(dir, "evidence") })
	w.f.signed = true
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.Close()
	w.open()
	check(t, os.WriteFile(filepath.Join(dir, "filler"), nil, 0o600))
	f, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_WRONLY, 0)
	check(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	check(t, f.Close())
	w.f.set(func(f *fake) { f.change = object(8000) }) // more than what the older file leaves
	w.pass(time.Minute)
	w.want("somebody objects", good, false, engine.ClassObjected, false, 2)
	for i := range 3 {
		w.ask(digest.FromString(fmt.Sprint(i)))
	}
	w.Close()
	if n := strings.Count(strings.Join(w.notices, "\n"), "evidence is not kept: "); n != 1 {
		t.Errorf("said %d times: %q", n, w.notices)
	}
	w.f.set(func(f *fake) { f.err = errDown })
	w.open()
	if a := w.ask(good); a.Allow {
		t.Errorf("the older evidence counts: %+v", a)
	}
}

// TestFolderThatCannotBeWritten: what could not be replaced is not read.
func TestFolderThatCannotBeWritten(t *testing.T) {
	dir := mounted(t)
	w := newWorld(t, func(c *engine.Config) { c.State = filepath.Join(dir, "evidence") })
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.Close()
	check(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	w.open()
	w.want("gathered anew", good, true, engine.ClassOK, false, 2)
	if !w.noticed("evidence is neither kept nor read: ") {
		t.Errorf("%q", w.notices)
	}
}

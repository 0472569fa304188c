package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// interrupt runs a command, sends it a signal after a time, or once it has said a word, and expects it to end soon.
func (m *machine) interrupt(dir string, sig syscall.Signal, after time.Duration, word string, args ...string) result {
	m.t.Helper()
	cmd := m.command(dir, args...)
	var out bytes.Buffer
	var errs fixture.Log
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(60 * time.Second); word != "" && !strings.Contains(errs.String(), word); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			m.t.Fatalf("it never said %q:\n%s", word, errs.String())
		}
	}
	time.Sleep(after)
	_ = cmd.Process.Signal(sig)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		m.t.Fatalf("it went on for 20 s after %s:\n%s", sig, errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// stops is the exit code of each signal.
var stops = map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143}

// TestInterrupt ends lock and build at moments all over their duration, and densely towards the end, where images are compared,
// signed and written: whatever was under way, nothing half done is left, and the next run works.
func TestInterrupt(t *testing.T) {
	home := newMachine(t)
	verbs := home.longVerbs()
	for _, verb := range []string{"lock", "build"} {
		whole, stopped := home.takes(verb, verbs[verb]), 0
		for i, part := range []float64{0, 0.02, 0.05, 0.12, 0.25, 0.4, 0.6, 0.75, 0.85, 0.9, 0.94, 0.97} {
			sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
			t.Run(fmt.Sprintf("%s %s after %.0f%%", verb, sig, part*100), func(t *testing.T) {
				m := home.on(t)
				dir := m.fetching(verb, fmt.Sprint(verb, part))
				after := time.Duration(part * float64(whole))
				if i == 4 {
					m.must(0, dir, words("builders stop")) // so that one meets starting builders
				}
				r := m.interrupt(dir, sig, after, "", verbs[verb]...)
				switch {
				case r.code == 0:
				case r.code != stops[sig] && (r.code != -1 || after > 250*time.Millisecond): // -1: before the program could listen
					t.Errorf("exit %d, want %d\n%s", r.code, stops[sig], r.err)
				case r.out != "":
					t.Errorf("stdout holds %q", r.out)
				case verb == "lock" && exists(filepath.Join(dir, "selfsame.lock")):
					t.Error("a lock was written")
				case verb == "build" && exists(filepath.Join(dir, "selfsame-out", "image")):
					t.Error("an image was let out")
				default:
					stopped++
				}
				clean(t, dir)
				if left := m.strays(); len(left) > 0 {
					t.Errorf("orphans: %v", left)
				}
			})
		}
		if stopped < 6 {
			t.Errorf("only %d runs of %s were interrupted", stopped, verb)
		}
	}
	m := home.on(t)
	dir := scratch(t)
	m.must(0, dir, words("lock -q"))
	m.must(0, dir, words("build -q"))
}

// longVerbs are the commands that take time, by their first word; the build signs.
func (m *machine) longVerbs() map[string][]string {
	m.t.Helper()
	keys := m.t.TempDir()
	m.must(0, keys, words("key new --out k"))
	return map[string][]string{
		"lock":  words("lock --progress plain"),
		"build": {"build", "--progress", "plain", "--key", filepath.Join(keys, "k.key")},
	}
}

// fetching is a project, locked if it is to be built, that fetches a file of its own, so that the builders have it to fetch too.
func (m *machine) fetching(verb, body string) string {
	m.t.Helper()
	up := newUpstream(m.t, body)
	dir := dockerfile(m.t, "FROM scratch\nADD http://"+up.host+"/file /file\n", up.host)
	if verb == "build" {
		m.must(0, dir, words("lock -q"))
	}
	return dir
}

// takes is how long a command takes when its builders run already: the shorter of two times.
func (m *machine) takes(verb string, args []string) time.Duration {
	m.t.Helper()
	m.must(0, m.fetching(verb, verb), args)
	least := time.Hour
	for i := range 2 {
		dir, start := m.fetching(verb, fmt.Sprint("again ", i)), time.Now()
		m.must(0, dir, args)
		least = min(least, time.Since(start))
	}
	return least
}

// TestKilled kills lock and build at moments all over their duration, as the kernel does when memory runs out: what is in its place is
// whole, and the next run works and leaves nothing of the killed one behind.
func TestKilled(t *testing.T) {
	home := newMachine(t)
	verbs := home.longVerbs()
	for _, verb := range []string{"lock", "build"} {
		duration, killed, left := home.takes(verb, verbs[verb]), 0, 0
		for _, part := range []float64{0.05, 0.15, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95} {
			t.Run(fmt.Sprintf("%s after %.0f%%", verb, part*100), func(t *testing.T) {
				m := home.on(t)
				dir := m.fetching(verb, fmt.Sprint("killed ", verb, part))
				if m.interrupt(dir, syscall.SIGKILL, time.Duration(part*float64(duration)), "", verbs[verb]...).code == -1 {
					killed++
				}
				if works, err := filepath.Glob(filepath.Join(dir, "selfsame-out", ".selfsame-work-*")); err == nil {
					left += len(works)
				}
				if _, err := lock.ReadFile(filepath.Join(dir, "selfsame.lock")); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the lock is half written: %v", err)
				}
				if image := filepath.Join(dir, "selfsame-out", "image"); exists(image) {
					whole(t, image)
				}
				m.must(0, dir, verbs[verb])
				clean(t, dir)
				if left := m.strays(); len(left) > 0 {
					t.Errorf("orphans: %v", left)
				}
			})
		}
		if killed < 4 {
			t.Errorf("only %d runs of %s were killed", killed, verb)
		}
		if verb == "build" && left == 0 {
			t.Error("no killed build left a work folder: this test would not see whether the next one clears it")
		}
	}
}

// TestInterruptedStep ends a build while its steps run: the steps end too, and the builders go on.
func TestInterruptedStep(t *testing.T) {
	home := newMachine(t)
	for _, verb := range []string{"lock", "build"} {
		for sig, code := range stops {
			t.Run(verb+" "+sig.String(), func(t *testing.T) {
				m := home.on(t)
				token := strings.ReplaceAll(filepath.Base(t.TempDir())+t.Name(), "/", "-")
				token = strings.ReplaceAll(token, " ", "-")
				text := "FROM scratch\nCOPY step seconds /\n" + `RUN ["/step", "wait", "/seconds", "` + token + `"]` + "\n"
				dir := withStep(t, dockerfile(t, text))
				put(t, filepath.Join(dir, "seconds"), "600")
				if verb == "build" { // what the source holds is no part of the lock
					put(t, filepath.Join(dir, "seconds"), "0")
					m.must(0, dir, words("lock -q"))
					put(t, filepath.Join(dir, "seconds"), "600")
				}
				r := m.interrupt(dir, sig, 300*time.Millisecond, "sleeping "+token, verb, "--progress", "plain")
				r.check(t, verb, code, "interrupted")
				clean(t, dir)
				if left := gone(token, 10*time.Second); len(left) > 0 {
					t.Errorf("steps go on: %v", left)
				}
				if left := m.strays(); len(left) > 0 {
					t.Errorf("orphans: %v", left)
				}
			})
		}
	}
	dir := scratch(t)
	home.must(0, dir, words("lock -q"))
	home.must(0, dir, words("build -q"))
}

// TestInterruptedPush ends a push in the middle, while the registry stalls: the registry has no tag.
func TestInterruptedPush(t *testing.T) {
	m := newMachine(t)
	dir := scratch(t)
	m.must(0, dir, words("lock -q"))
	for _, path := range []string{"/blobs/", "/manifests/"} {
		t.Run(path, func(t *testing.T) {
			reached := make(chan struct{})
			var once sync.Once
			reg := newRegistry(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if !slices.Contains([]string{"PUT", "POST", "PATCH"}, r.Method) || !strings.Contains(r.URL.Path, path) {
					next.ServeHTTP(w, r)
					return
				}
				once.Do(func() { close(reached) })
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			})
			cmd := m.on(t).command(dir, "build", "-q", "--unsigned", "--push="+reg.host+"/team/app:v1")
			var errs fixture.Log
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := wait(cmd)
			select {
			case <-reached:
			case err := <-ended:
				t.Fatalf("it ended before it was interrupted: %v\n%s", err, errs.String())
			}
			_ = cmd.Process.Signal(syscall.SIGINT)
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				_ = cmd.Process.Kill()
				t.Fatal("it went on for 20 s")
			}
			if code := cmd.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit %d, want 130\n%s", code, errs.String())
			}
			reg.untagged("team/app")
			clean(t, dir)
		})
	}
}

func wait(cmd *exec.Cmd) chan error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended
}

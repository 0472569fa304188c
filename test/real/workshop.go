package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/report"
)

// workshop has builders, store and cache of its own, so that nothing is known of a project before it is built.
type workshop struct {
	self, work string
}

// outcome is what became of a project.
type outcome struct {
	project
	version   string // of the source, as its address says
	inputs    int
	lockTook  time.Duration
	buildTook time.Duration
	result    report.Result
	failed    error // why there is no result
}

func (o outcome) verdict() string {
	if o.failed != nil {
		return "failed: " + o.failed.Error()
	}
	if o.result.Reproducible {
		return "reproduced " + o.result.Digest
	}
	return fmt.Sprintf("not reproducible, %d findings", len(o.result.Findings))
}

// build never gives up on more than the one project: the others of an hour's work are worth their lines on the page.
func (w *workshop) build(ctx context.Context, p project) outcome {
	o := outcome{project: p}
	dir := filepath.Join(w.work, p.name)
	if o.failed = write(dir, p.files()); o.failed != nil {
		return o
	}
	if o.lockTook, _, o.failed = w.run(ctx, dir, "lock", "--quiet"); o.failed != nil {
		return o
	}
	l, err := lock.ReadFile(filepath.Join(dir, "selfsame.lock"))
	if err != nil {
		o.failed = err
		return o
	}
	o.inputs, o.version = len(l.Entries), version(l)
	var out []byte
	if o.buildTook, out, o.failed = w.run(ctx, dir, "build", "--quiet", "--json"); o.failed == nil {
		o.failed = json.Unmarshal(out, &o.result)
	}
	return o
}

func write(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a project
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// notReproducible is the exit code of a build that took place and came out differently (DESIGN §7).
const notReproducible = 13

// run runs selfsame, and gives how long it took and what it printed.
func (w *workshop) run(ctx context.Context, dir string, args ...string) (time.Duration, []byte, error) {
	cmd := exec.CommandContext(ctx, w.self, args...) //nolint:gosec // our own program
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(w.work, "state"), "XDG_CACHE_HOME="+filepath.Join(w.work, "cache"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == notReproducible {
		err = nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("selfsame %s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return time.Since(start), out.Bytes(), nil
}

// close ends the builders.
func (w *workshop) close() {
	if _, _, err := w.run(context.Background(), w.work, "builders", "stop", "--remove"); err != nil {
		fmt.Fprintln(os.Stderr, "real:", err)
	}
}

// version reads the source's version from the address of what describes it: Debian's .dsc, or a module's archive.
func version(l *lock.Lock) string {
	for _, e := range l.Entries {
		name, err := url.PathUnescape(path.Base(e.Key))
		if err != nil {
			continue
		}
		if v, ok := strings.CutSuffix(name, ".dsc"); ok {
			return strings.ReplaceAll(v, "_", " ")
		}
		if v, ok := strings.CutSuffix(name, ".zip"); ok && strings.Contains(e.Key, "filippo.io/age/@v/") {
			return "age " + strings.TrimPrefix(v, "v")
		}
	}
	return "-"
}

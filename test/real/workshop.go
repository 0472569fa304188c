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
	saved
}

// saved is the part of an outcome that one run leaves for the next.
type saved struct {
	Version   string        `json:"version"` // of the source, as its address says
	Inputs    int           `json:"inputs"`
	LockTook  time.Duration `json:"lockTook"`
	BuildTook time.Duration `json:"buildTook"`
	Result    report.Result `json:"result"`
	Failed    string        `json:"failed,omitempty"` // why there is no result
}

func (o outcome) verdict() string {
	switch {
	case o.Failed != "":
		return "failed: " + o.Failed
	case o.Result.Reproducible:
		return "reproduced " + o.Result.Digest
	}
	return fmt.Sprintf("not reproducible, %d findings", len(o.Result.Findings))
}

// build never gives up on more than the one project: the others of an hour's work are worth their lines on the page.
func (w *workshop) build(ctx context.Context, p project) saved {
	var o saved
	if err := w.try(ctx, p, &o); err != nil {
		o.Failed = err.Error()
	}
	return o
}

func (w *workshop) try(ctx context.Context, p project, o *saved) (err error) {
	dir := filepath.Join(w.work, p.name)
	if err := write(dir, p.files()); err != nil {
		return err
	}
	if o.LockTook, _, err = w.run(ctx, dir, "lock", "--quiet"); err != nil {
		return err
	}
	l, err := lock.ReadFile(filepath.Join(dir, "selfsame.lock"))
	if err != nil {
		return err
	}
	o.Inputs, o.Version = len(l.Entries), version(l)
	took, out, err := w.run(ctx, dir, "build", "--quiet", "--json")
	if err != nil {
		return err
	}
	o.BuildTook = took
	return json.Unmarshal(out, &o.Result)
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

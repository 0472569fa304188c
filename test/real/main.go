// Command real builds projects that other people wrote, with their own build systems, each from sealed inputs and twice, and writes what
// came of it as docs/explanation/real-projects.md. `make real` runs it. It judges nothing: a project that is not reproducible is a
// finding, with the report's own words about where.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "the work tree, with bin/")
	flag.StringVar(&o.only, "only", "", "build only this project; the page is written once every project has a result")
	flag.BoolVar(&o.resume, "resume", false, "build only projects that have no result of an earlier run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "real:", err)
		os.Exit(1)
	}
}

type options struct {
	root, only string
	resume     bool
}

// kept is where a project's result is kept between runs.
func (o options) kept(p project) string {
	return filepath.Join(o.root, ".cache", "real", p.name+".json")
}

func run(ctx context.Context, o options) error {
	self, err := filepath.Abs(filepath.Join(o.root, "bin", "selfsame"))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "selfsame-real-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	w := &workshop{self: self, work: work}
	defer w.close()
	for _, p := range projects {
		if before, err := o.before(p); o.only != "" && p.name != o.only || o.resume && err == nil && before.Failed == "" {
			continue
		}
		fmt.Fprintf(os.Stderr, "real: %s (%s)\n", p.name, p.what)
		s := w.build(ctx, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "real: %s: %s\n", p.name, outcome{p, s}.verdict())
		if err := keep(o.kept(p), s); err != nil {
			return err
		}
	}
	return o.writePage()
}

func keep(path string, s saved) error {
	data, err := json.Marshal(s)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755) //nolint:gosec // a folder of the work tree
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	return err
}

// before is the result of the last run.
func (o options) before(p project) (saved, error) {
	var s saved
	data, err := os.ReadFile(o.kept(p))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", o.kept(p), err)
	}
	return s, nil
}

// writePage writes the page of all results, or says whose is missing.
func (o options) writePage() error {
	var done []outcome
	for _, p := range projects {
		s, err := o.before(p)
		if errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(os.Stderr, "real: %s has no result yet, so no page is written\n", p.name)
			return nil
		}
		if err != nil {
			return err
		}
		done = append(done, outcome{p, s})
	}
	return os.WriteFile(filepath.Join(o.root, "docs", "explanation", "real-projects.md"), page(done), 0o644) //nolint:gosec // a document
}

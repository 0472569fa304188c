// Command real builds projects that other people wrote, with their own build systems, each from sealed inputs and twice, and writes what
// came of it as docs/explanation/real-projects.md. `make real` runs it. It judges nothing: a project that is not reproducible is a
// finding, with the report's own words about where.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	root := flag.String("root", ".", "the work tree, with bin/")
	only := flag.String("only", "", "build only this project, and write no page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *only); err != nil {
		fmt.Fprintln(os.Stderr, "real:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, only string) error {
	self, err := filepath.Abs(filepath.Join(root, "bin", "selfsame"))
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
	var done []outcome
	for _, p := range projects {
		if only != "" && p.name != only {
			continue
		}
		fmt.Fprintf(os.Stderr, "real: %s (%s)\n", p.name, p.what)
		o := w.build(ctx, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "real: %s: %s\n", p.name, o.verdict())
		done = append(done, o)
	}
	if only != "" {
		return nil
	}
	return os.WriteFile(filepath.Join(root, "docs", "explanation", "real-projects.md"), page(done), 0o644) //nolint:gosec // a document
}

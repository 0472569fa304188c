// Command bench measures selfsame beside the tool that a user would otherwise pick, stock BuildKit, in the same run and on the
// same machine, and prints medians and their ratio. `make bench` runs it. It judges nothing: a time on a shared machine proves
// nothing, a ratio of medians says a little, and the targets are printed beside what was measured (DESIGN §9).
//
// Both sides start alike (DESIGN §11 "Tests and benches"): the base image in a local store, empty state roots, daemons up, the
// same network. What differs is what is compared: selfsame builds twice from sealed inputs, compares, and signs; stock BuildKit
// builds once, behind the same kind of proxy, from the live network.
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
	runs := flag.Int("runs", 5, "how often each thing is measured")
	root := flag.String("root", ".", "the work tree, with bin/ and examples/")
	only := flag.String("only", "", "measure only this example (node-app or c-make)")
	verbose := flag.Bool("v", false, "print every single measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *only, *runs, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, only string, runs int, verbose bool) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "selfsame-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var t table
	for _, e := range examples {
		if only != "" && e.name != only {
			continue
		}
		b := &bench{root: root, work: filepath.Join(work, e.name), example: e, runs: runs, table: &t, verbose: verbose}
		if err := b.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	t.print(os.Stdout)
	return nil
}

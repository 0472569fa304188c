// Command cause measures how fast differences are found, beside the tools that a user would otherwise pick, in the same run and on the
// same machine. `make bench-cause` runs it. Like test/bench it judges nothing: medians and ratios are printed beside the targets.
//
// Each part is a function in parts; `-only NAME` runs one. A part adds rows to the table and may print lines of its own.
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

// config is what every part gets.
type config struct {
	root string // the work tree, with bin/
	work string // an empty folder, removed at the end
	runs int
	mb   int // size of one image
}

// part measures one thing.
type part struct {
	name string
	run  func(context.Context, config, *table) error
}

// parts are all that is measured, in this order. What is added here is in `make bench-cause`.
var parts = []part{
	{"diff", benchDiff},
	{"zoo", benchZoo},
}

func main() {
	c := config{}
	flag.IntVar(&c.runs, "runs", 5, "how often each thing is measured; a peer that takes minutes is run at most 3 times")
	flag.StringVar(&c.root, "root", ".", "the work tree, with bin/")
	flag.IntVar(&c.mb, "mb", 500, "size of one image's layers in MB")
	only := flag.String("only", "", "run only this part")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench-cause:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config, only string) (err error) {
	if c.root, err = filepath.Abs(c.root); err != nil {
		return err
	}
	// Not in /tmp, which may be memory.
	if c.work, err = os.MkdirTemp("/var/tmp", "selfsame-bench-cause-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.work)
	var t table
	for _, p := range parts {
		if only != "" && p.name != only {
			continue
		}
		if err := p.run(ctx, c, &t); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	t.print(os.Stdout)
	return nil
}

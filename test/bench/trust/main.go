// Command trust measures what checking evidence costs, beside stock cosign in the same run and on the same machine. `make bench-trust`
// runs it. Like test/bench it judges nothing: medians and ratios are printed beside the targets of issue 5.
//
// Each part is a function in parts; `-only NAME` runs one. What is added here is in `make bench-trust`.
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
	root      string // the work tree, with bin/
	work      string // an empty folder, removed at the end
	runs      int
	images    int    // of the call with many
	referrers int    // the most of one subject
	inputs    int    // locked inputs that a provenance names
	recipe    string // whose image is audited
}

// part measures one thing.
type part struct {
	name string
	run  func(context.Context, config, *table) error
}

// parts are all that is measured, in this order.
var parts = []part{
	{"bundle", benchBundle},
	{"command", benchCommand},
	{"many", benchMany},
	{"referrers", benchReferrers},
	{"audit", benchAudit},
}

func main() {
	c := config{}
	flag.IntVar(&c.runs, "runs", 5, "how often each thing is measured")
	flag.StringVar(&c.root, "root", ".", "the work tree, with bin/")
	flag.IntVar(&c.images, "images", 1000, "how many images one call verifies")
	flag.IntVar(&c.referrers, "referrers", 10_000, "how many referrers one image has at most")
	flag.IntVar(&c.inputs, "inputs", 20, "how many locked inputs a provenance names")
	flag.StringVar(&c.recipe, "recipe", "examples/c-make", "the recipe, below -root, whose image is built and audited")
	only := flag.String("only", "", "run only this part")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench-trust:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config, only string) (err error) {
	if c.root, err = filepath.Abs(c.root); err != nil {
		return err
	}
	// Not in /tmp, which may be memory.
	if c.work, err = os.MkdirTemp("/var/tmp", "selfsame-bench-trust-"); err != nil {
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

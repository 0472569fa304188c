// Command guard measures what a verdict costs, and prints it beside the targets of issue 6: at the node agent's socket and at container
// start, at the webhook under an open load, warm and cold, beside a verifier that keeps nothing and asks the registry for each request, in
// the same run; then the Go benchmarks of the packages.
//
//	go run ./test/bench/guard -guard bin/selfsame-guard
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
)

func main() {
	program := flag.String("guard", "bin/selfsame-guard", "the program to measure")
	images := flag.Int("images", 100, "images that it knows")
	warm := flag.Int("warm", 20_000, "warm questions")
	rate := flag.Int("rate", 1000, "pods and reviews a second; the target is for 1,000")
	only := flag.String("only", "", "parts to measure, of program,node,admission,verdict,cluster; all by default")
	answer := flag.String("answer", "", "serve at this address what the guard is compared with, and measure nothing")
	pair := flag.String("pair", "", "its certificate's folder")
	flag.Parse()
	var err error
	if *answer != "" {
		err = answerAt(*answer, *pair)
	} else {
		err = run(context.Background(), *program, *images, *warm, *rate, *only)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-guard: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, images, warm, rate int, only string) error {
	wanted := func(part string) bool { return only == "" || strings.Contains(","+only+",", ","+part+",") }
	t := &table{}
	defer t.end()
	var failed error // a part that fails does not keep the others from being measured
	if wanted("program") {
		failed = errors.Join(failed, size(t, program))
	}
	if wanted("node") || wanted("admission") {
		failed = errors.Join(failed, serving(ctx, t, program, images, warm, rate, wanted))
	}
	if wanted("verdict") {
		failed = errors.Join(failed, verdicts(ctx, t))
	}
	if wanted("cluster") {
		failed = errors.Join(failed, cluster(ctx, t))
	}
	return failed
}

// serving measures the program's two servers.
func serving(ctx context.Context, t *table, program string, images, warm, rate int, wanted func(string) bool) error {
	dir, err := os.MkdirTemp("", "bench-guard")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(dir)
	if err != nil {
		return err
	}
	defer w.close()
	var all []engine.Question
	for i := range images {
		q, err := w.push(ctx, fmt.Sprint("team/shop-", i), 1, 400)
		if err != nil {
			return err
		}
		all = append(all, q)
	}
	if wanted("node") {
		if err := node(ctx, t, w, program, all, warm); err != nil {
			return err
		}
		if err := keepsNothing(ctx, t, w, all); err != nil {
			return err
		}
	}
	if wanted("admission") {
		return admission(ctx, t, w, program, all, rate)
	}
	return nil
}

// soon asks again and again, for a minute at most.
func soon(ready func() error) error {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		err := ready()
		if err == nil || time.Since(began) > time.Minute {
			return err
		}
	}
}

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
)

// manyFlags are for more than one image.
type manyFlags struct {
	file string
	jobs int
}

func (f *manyFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.file, "from-file", "", "verify the images that this file lists, one a line (- is the standard input)")
	fl.IntVar(&f.jobs, "jobs", 8*runtime.NumCPU(), "how many images are verified at a time")
}

// maxReferences bounds one call.
const maxReferences = 1_000_000

// check is about the command line alone.
func (f manyFlags) check(args []string) error {
	switch {
	case f.jobs < 1 || f.jobs > 1024:
		return usage("--jobs is between 1 and 1024")
	case f.file == "" && len(args) == 0:
		return usage("`verify` needs an image: a reference, a layout's folder, or --from-file")
	}
	return nil
}

// references are the images of the command line and of the file. Empty lines and those that begin with # are none.
func (f manyFlags) references(args []string, stdin io.Reader) ([]string, error) {
	if f.file == "" {
		return args, nil
	}
	in := stdin
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, usage("--from-file: %v", err)
		}
		defer file.Close()
		in = file
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if l := strings.TrimSpace(lines.Text()); l != "" && l[0] != '#' {
			args = append(args, l)
		}
		if len(args) > maxReferences {
			return nil, usage("--from-file lists more than %d images", maxReferences)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, usage("--from-file: %v", err)
	}
	if len(args) == 0 {
		return nil, usage("--from-file lists no image")
	}
	return args, nil
}

// client is for as many images at a time, of which each reads a few things at once.
func (f manyFlags) client() registry.Options {
	return registry.Options{Connections: 4 * min(max(f.jobs, 1), 64)}
}

// answer is the verdict on one of many images.
type answer struct {
	result verify.Result
	err    error
}

// gcPercent is how much garbage may lie beside what is used while many images are verified: nearly all is garbage, and little is used.
// The soft limit of memory still holds.
const gcPercent = 800

// verifyMany verifies images some at a time with one client, and prints each verdict in one line, in the order of the references. One
// that could not be verified does not keep the others from it.
func (a *app) verifyMany(ctx context.Context, c *registry.Client, refs []string, o verify.Options, by decider, jobs int) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	answers := make([]chan answer, len(refs))
	for i := range answers {
		answers[i] = make(chan answer, 1)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	defer workers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before waiting: nobody reads what is still under way
	for range min(jobs, len(refs)) {
		workers.Go(func() {
			for i := range next {
				res, err := verifyOne(ctx, c, refs[i], o)
				if err == nil {
					by.decide(ctx, &res)
				}
				answers[i] <- answer{res, err}
			}
		})
	}
	go func() {
		defer close(next)
		for i := range refs {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	out := bufio.NewWriter(a.Out)
	var worst int
	for i := range refs {
		select {
		case got := <-answers[i]:
			code, err := a.oneOfMany(out, refs[i], got)
			if err != nil {
				return err
			}
			worst = worse(worst, code)
		case <-ctx.Done():
			return errors.Join(out.Flush(), context.Cause(ctx))
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if worst != 0 {
		return shownError(worst)
	}
	return nil
}

// oneOfMany prints one line. What could not be verified has a result too, which says why.
func (a *app) oneOfMany(w io.Writer, ref string, got answer) (code int, err error) {
	if got.err != nil {
		got.result = verify.Failed(ref, got.err)
	}
	if !a.global.json {
		why := ""
		if got.result.Err() != nil {
			why = got.result.Why()
		}
		_, err = fmt.Fprintln(w, diag.Printable(strings.TrimSuffix(got.result.Summary+" - "+why, " - ")))
		return got.result.ExitCode, err
	}
	return got.result.ExitCode, json.NewEncoder(w).Encode(got.result)
}

// severity orders exit codes for a call with many images: what is certain outranks what could not be decided, as within one verdict.
var severity = []int{diag.ExitProven, diag.ExitUndecided, diag.ExitUsage, diag.ExitPolicy, diag.ExitMissing, diag.ExitInvalid, diag.ExitInternal}

func worse(a, b int) int {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// rank is a code's place in severity; one that is not there is worse than all.
func rank(code int) int {
	if i := slices.Index(severity, code); i >= 0 {
		return i
	}
	return len(severity)
}

package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/trace"
	"github.com/selfsame-build/selfsame/provenance"
)

// remark is something that B's tracer reports of the programs it runs and that bears on what a build proves. The steps that it was said
// of are remembered, because their results are: a later build finds them in B's cache, and nothing is said again.
type remark struct {
	dir   string // where the steps are remembered, beside the builders whose caches it is about
	count func(trace.Counters) uint64
	kinds []string // of the notes that name a program
	text  func(trace.Note) string
}

var (
	// A program that is kept from tracing need not fail: it may write down that it could not, and its step's result then differs from A's
	// through no fault of the recipe's. Such a difference does not count before B has been repeated without the tracer.
	refusal = remark{"refused", func(c trace.Counters) uint64 { return c.Ptrace }, []string{"ptrace"},
		func(n trace.Note) string { return n.Comm }}
	// A program that the tracer could not cover may have seen the real clock and the kernel's real name. The images can be equal for that,
	// so the evidence must not call these two varied.
	escape = remark{"uncovered", func(c trace.Counters) uint64 { return c.Unpatched + c.Errors + c.X32 + c.Foreign },
		[]string{"unpatched", "error", "x32", "foreign"}, func(n trace.Note) string { return n.Comm + ": " + n.Detail }}
)

// counters are what t's tracer has counted so far.
func (t *twin) counters() trace.Counters {
	if t.lease == nil {
		return trace.Counters{}
	}
	return t.lease.Tracer().Counters
}

// keptFromTracing names the program that was kept from tracing in a step of this run, or in an earlier run whose result B still had;
// empty if there was none.
func (r *twinRun) keptFromTracing(ctx context.Context) (string, error) {
	return r.remarked(ctx, refusal)
}

// tracedAxes are what the tracer varies in a step's own calls.
var tracedAxes = []string{"clock calls", "kernel name"}

// nameUncovered takes back that the tracer varied anything in B, if a program escaped it.
func (r *twinRun) nameUncovered(ctx context.Context) error {
	what, err := r.remarked(ctx, escape)
	if err != nil || what == "" {
		return err
	}
	for i, x := range r.axes {
		if slices.Contains(tracedAxes, x.Name) && x.State != provenance.AxisNotApplied {
			r.axes[i] = provenance.Axis{Name: x.Name, State: provenance.AxisNotApplied,
				Reason: "a program of a step may have seen the real one (" + what + ")"}
		}
	}
	return nil
}

// remarked says what was remarked in this run, or of a step that B found in its cache; empty if nothing was.
func (r *twinRun) remarked(ctx context.Context, m remark) (string, error) {
	if r.b.lease == nil || !r.b.world.daemon.Traced() {
		return "", nil
	}
	if len(r.stepsOfB(false)) > 0 && !r.b.lease.Tracer().Beat.After(r.solved) { // the tracer's next beat has the last count
		ctx, leave := attend(ctx, r.b) // which ends if B does
		defer leave()
		settle(ctx, r.b)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
	}
	what, err := r.remember(m)
	if what != "" || err != nil {
		return what, err
	}
	for _, d := range r.stepsOfB(true) {
		if data, err := os.ReadFile(r.mark(m, d)); err == nil && len(data) > 0 {
			return string(data), nil
		}
	}
	return "", nil
}

// noteRemarks remembers them where the run failed for another reason.
func (r *twinRun) noteRemarks() {
	if r.b.lease != nil {
		for _, m := range []remark{refusal, escape} {
			_, _ = r.remember(m) // the failure itself is what the user hears of
		}
	}
}

// remember marks the steps that B ran if anything was remarked meanwhile, and says what.
func (r *twinRun) remember(m remark) (string, error) {
	now := r.b.lease.Tracer()
	if m.count(now.Counters) <= m.count(r.before) {
		return "", nil
	}
	what := "a program"
	for _, n := range now.Notes {
		if slices.Contains(m.kinds, n.Kind) {
			what = m.text(n)
		}
	}
	if err := os.MkdirAll(r.mark(m, ""), 0o700); err != nil {
		return "", fmt.Errorf("remembering what the tracer said: %w", err)
	}
	var errs []error
	for _, d := range r.stepsOfB(false) {
		errs = append(errs, atomicfile.Write(r.mark(m, d), []byte(what), 0o600))
	}
	return what, errors.Join(errs...)
}

// stepsOfB are the steps that B found in its cache, or those that it ran.
func (r *twinRun) stepsOfB(cached bool) []digest.Digest {
	var out []digest.Digest
	for _, res := range r.b.results {
		if res == nil {
			continue
		}
		for _, s := range res.Steps {
			if s.Step.Name != "" && s.Cached == cached {
				out = append(out, s.Digest)
			}
		}
	}
	return out
}

// mark is the file about a step; without a step, the folder.
func (r *twinRun) mark(m remark, step digest.Digest) string {
	dir := filepath.Join(filepath.Dir(r.host.Daemons.Dir), m.dir)
	if step == "" {
		return dir
	}
	return filepath.Join(dir, step.Encoded())
}

package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// A program that B's tracer keeps from tracing need not fail: it may write down that it could not, and its step's result then differs
// from A's through no fault of the recipe's. Such a difference does not count before B has been repeated without the tracer. The
// steps are remembered, because their results are: a later build finds them in B's cache, and nobody is refused anything.

// refusals is how often t's tracer has refused so far.
func (t *twin) refusals() uint64 {
	if t.lease == nil {
		return 0
	}
	n, _ := t.lease.Refusals()
	return n
}

// keptFromTracing names the program that was kept from tracing in a step of this run, or in an earlier run whose result B still had;
// empty if there was none.
func (r *twinRun) keptFromTracing(ctx context.Context) (string, error) {
	if r.b.lease == nil || !r.b.world.daemon.Traced() {
		return "", nil
	}
	ctx, leave := attend(ctx, r.b) // which ends if B does
	defer leave()
	settle(ctx, r.b) // the tracer's next beat has the last count
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	by, err := r.rememberRefusals()
	if by != "" || err != nil {
		return by, err
	}
	for _, d := range r.stepsOfB(true) {
		if data, err := os.ReadFile(r.refusedMark(d)); err == nil && len(data) > 0 {
			return string(data), nil
		}
	}
	return "", nil
}

// noteRefusals remembers them where the run failed for another reason.
func (r *twinRun) noteRefusals() {
	if r.b.lease != nil {
		_, _ = r.rememberRefusals() // the failure itself is what the user hears of
	}
}

// rememberRefusals marks the steps that B ran if the tracer refused any of them anything meanwhile, and names the program.
func (r *twinRun) rememberRefusals() (string, error) {
	n, by := r.b.lease.Refusals()
	if n <= r.refused {
		return "", nil
	}
	if by == "" {
		by = "a program"
	}
	if err := os.MkdirAll(r.refusedMark(""), 0o700); err != nil {
		return "", fmt.Errorf("remembering what was refused: %w", err)
	}
	var errs []error
	for _, d := range r.stepsOfB(false) {
		errs = append(errs, atomicfile.Write(r.refusedMark(d), []byte(by), 0o600))
	}
	return by, errors.Join(errs...)
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

// refusedMark is the file about a step, beside the builders whose caches it is about; without a step, their folder.
func (r *twinRun) refusedMark(step digest.Digest) string {
	dir := filepath.Join(filepath.Dir(r.host.Daemons.Dir), "refused")
	if step == "" {
		return dir
	}
	return filepath.Join(dir, step.Encoded())
}

package builder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// lockResolver answers a graph's questions from the lock alone.
type lockResolver struct {
	h    *Host
	p    *project
	lock *lock.Lock
	// again makes bases anew, whatever was proven before.
	again bool
	// bytes bound what the builders of bases write, as RepeatOptions.RootBytes.
	bytes int64
}

func (r *lockResolver) image(_ context.Context, ref, platform string) (graph.Image, error) {
	e, ok := r.lock.Find(lock.KindImage, platform, ref)
	if !ok {
		return graph.Image{}, diag.Errorf("A0333", "image `%s` is not in the lock", ref).WithHelp("run `selfsame lock`")
	}
	cfg, err := r.h.imageConfig(e.Digest)
	return graph.Image{Digest: e.Digest, Config: cfg}, err
}

func (r *lockResolver) debian(ctx context.Context, d recipes.Debian, platform string) (graph.Image, error) {
	entries := r.lock.Step(platform, baseName(d))
	if len(entries) == 0 {
		return graph.Image{}, diag.Errorf("A0334", "Debian base `%s` is not in the lock", baseName(d)).WithHelp("run `selfsame lock`")
	}
	return r.h.provenBase(ctx, r.p.epoch, d, platform, entries, baseOptions{r.again, r.bytes})
}

// sealing is how a draft becomes the plan of a sealed build for one twin.
func sealing(l *lock.Lock, platform string, w world, noCache bool, tr *trust) graph.Finish {
	return graph.Finish{
		Sealed: true, Hostname: w.hostname, NoCache: noCache, Once: tr.word,
		Env: w.variables(), OpenFiles: w.openFiles,
		AptConf: debian.AptSealedConf(),
		Slice: func(step string) (digest.Digest, bool) {
			slice := l.StepDigest(platform, step)
			if slice == "" {
				return "", false
			}
			return tr.salt(slice), true
		},
		Checksum: func(url string) (digest.Digest, bool) {
			e, ok := l.Find(lock.KindHTTP, platform, url)
			return e.Digest, ok
		},
	}
}

// misses is the diagnostic for what a twin asked for and the lock does not have.
func (t *twin) misses() diag.List {
	var list diag.List
	for _, m := range t.server.Misses() {
		step := t.stepFor(m.URL)
		d := m.Diagnostic(step.Name)
		if ids := append(slices.Clone(step.Secrets), step.SSH...); len(ids) > 0 {
			d = d.WithWhy("the step was recorded with `" + strings.Join(ids, "`, `") + "`, which builds do not have: it may ask for something else without")
		}
		list = append(list, d)
	}
	for _, f := range t.server.Failed() {
		list = append(list, f.Diagnostic(t.stepOf(f.URL)))
	}
	return list[:min(len(list), 20)]
}

// stepOf is the name of the step that asked for a URL.
func (t *twin) stepOf(url string) string { return t.stepFor(url).Name }

// stepFor finds the step that asked for a URL, by the daemon's own report.
func (t *twin) stepFor(url string) graph.Step {
	for _, res := range t.results {
		if res == nil {
			continue
		}
		for _, s := range res.Steps {
			for _, q := range s.Requests {
				if orig, ok := t.server.OriginalURL(q.URL); ok && orig == url {
					return s.Step
				}
			}
		}
	}
	return graph.Step{}
}

// isStep says whether it was a step of the recipe's that failed, and not the builder on its own account (an export, a mount).
func isStep(err error) bool {
	var se *solver.StepError
	return errors.As(err, &se) && se.Run.Step.Name != ""
}

// explainStep is a failed step for the user: place, command, the end of its output.
func explainStep(err error, t *twin) error {
	var se *solver.StepError
	if !errors.As(err, &se) {
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, syscall.ENOSPC): // the latter is ours: the results have no room
			return err
		case tooOld(err):
			return t.old()
		case full(err.Error()):
			return builderFull(t.label, err)
		}
		return diag.Errorf("A0702", "building on builder %s: %w", t.label, err).WithHelp("run `selfsame doctor`" + t.log())
	}
	s := se.Run.Step
	name := s.Command
	if name == "" {
		name = se.Run.Vertex
	}
	if full(se.Run.Error) && t.wrote(se.Run.Error) {
		return diag.Errorf(diag.NoSpace, "no space left on device for the results in `%s`", filepath.Dir(filepath.Dir(t.out))).
			WithHelp("free space there, or give another folder with --out")
	}
	if t.full(err) {
		d := diag.Errorf("A0703", "builder %s has no space left (%s)", t.label, name).WithHelp(spaceHelp)
		return &StepFailure{Diagnostic: d, Log: tail(se.Run.Log, 20)}
	}
	d := diag.Errorf("A0330", "a step failed on builder %s: %s", t.label, name).WithWhy(reason(se.Run.Error)).
		WithHelp("correct the step; its output is above")
	if s.Line > 0 {
		d = d.WithAt(diag.Position{File: s.File, Line: s.Line}, "")
	}
	return &StepFailure{Diagnostic: d, Log: tail(se.Run.Log, 20)}
}

// tooOld says whether a daemon refused a graph because it does not know something in it; the graph asks for the proxy network by
// that means (graph.Finish), so that a daemon without it cannot hand a step the real one.
func tooOld(err error) bool { return strings.Contains(err.Error(), "unknown API capability") }

func (t *twin) old() error {
	return diag.Errorf("A0702", "builder %s is BuildKit %s, which is older than what seals a step's network", t.label, t.info.Version).
		WithWhy("its steps would have had the real network; it refused to run them").
		WithHelp("run BuildKit " + BuildKitVersion + " or newer there, with --proxy-network")
}

const spaceHelp = "run `selfsame builders stop --remove`, or free space"

func builderFull(label string, err error) error {
	return diag.Errorf("A0703", "builder %s has no space left: %w", label, err).WithHelp(spaceHelp)
}

// wrote says whether words come from the one who writes the results: us.
func (t *twin) wrote(words string) bool { return t.out != "" && strings.Contains(words, t.out) }

// full says whether a solve failed because the builder's filesystem is full.
func (t *twin) full(err error) bool {
	var se *solver.StepError
	switch {
	case errors.Is(err, syscall.ENOSPC): // ours: the results have no room
		return false
	case !errors.As(err, &se):
		return full(err.Error())
	}
	return full(se.Run.Error) && !t.wrote(se.Run.Error) || full(strings.Join(tail(se.Run.Log, 20), "\n"))
}

// full says whether somebody found a filesystem full: strerror(3) has the words, in one case or the other.
func full(text string) bool {
	return strings.Contains(strings.ToLower(text), "no space left on device")
}

// log says where a managed builder's log lies, or what the tunnel to another one says.
func (t *twin) log() string {
	if t.tunnel != nil && t.tunnel.Said() != "" {
		return "; ssh says: " + t.tunnel.Said()
	}
	if t.lease == nil {
		return ""
	}
	return "; the builder's log is " + t.lease.Log
}

// StepFailure is a failed step with the end of its output, for the surface to repeat last.
type StepFailure struct {
	*diag.Diagnostic
	Log []string
	// Also are refused requests that may be why.
	Also diag.List
}

// withOutput is what was asked for in vain, with the output of the step that failed, if one did: a program may have asked only because
// something else had gone wrong before.
func withOutput(list diag.List, err error) error {
	var se *solver.StepError
	if !errors.As(err, &se) {
		return list.Err()
	}
	last := len(list) - 1
	return &StepFailure{Diagnostic: list[last], Log: tail(se.Run.Log, 20), Also: list[:last]}
}

// Unwrap gives the diagnostic.
func (f *StepFailure) Unwrap() error { return f.Diagnostic }

// reason is the part of BuildKit's words that says what happened.
func reason(s string) string {
	if i := strings.LastIndex(s, "did not complete successfully: "); i >= 0 {
		s = s[i+len("did not complete successfully: "):]
	}
	return strings.Replace(s, noExitCode, "its runtime ended without an exit code", 1)
}

// noExitCode is how BuildKit reports a step whose runtime was killed: the -1 of syscall.WaitStatus.ExitStatus, as 32 bits.
var noExitCode = fmt.Sprintf("exit code: %d", uint32(math.MaxUint32))

func tail(log []byte, n int) []string {
	lines := strings.Split(strings.TrimRight(string(log), "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return lines
}

// layerSteps attributes layers, when every layer has its step.
func layerSteps(p *graph.Plan, layers int) map[int]compare.Step {
	if len(p.Layers) != layers {
		return nil
	}
	out := map[int]compare.Step{}
	for i, s := range p.Layers {
		if s.Command != "" || s.Line > 0 {
			out[i] = compare.Step{Name: s.Command, File: filepath.Base(s.File), Line: s.Line}
		}
	}
	return out
}

// choosePlatforms narrows the recipe's platforms to the wanted ones.
func choosePlatforms(have, want []string) ([]string, error) {
	if len(want) == 0 {
		return have, nil
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			return nil, diag.Errorf("A0314", "the recipe does not build for `%s`", w).WithHelp(fmt.Sprintf("choose from %s", strings.Join(have, ", ")))
		}
	}
	return want, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// stale says what the lock was made for that is no longer so.
func stale(path string, have, want lock.Header) error {
	var what string
	switch {
	case have.Recipe != want.Recipe:
		what = "the recipe"
	case have.Dockerfile != want.Dockerfile:
		what = "the Dockerfile"
	case have.Dockerignore != want.Dockerignore:
		what = "the .dockerignore file"
	case have.Frontend != want.Frontend:
		what = "the Dockerfile frontend (" + have.Frontend + ", now " + want.Frontend + ")"
	default:
		return nil
	}
	return diag.Errorf("A0202", "`%s` is stale: %s has changed since it was made", filepath.Base(path), what).
		WithWhy("its lines may no longer be what the build reads").WithHelp("run `selfsame lock`")
}

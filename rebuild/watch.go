package rebuild

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// WatchOptions says what to audit again and again.
type WatchOptions struct {
	File  string        // the images, one a line, by digest
	State string        // file that remembers results; empty: File with ".state.json"
	Every time.Duration // how long a result stands
	Once  bool          // end after one round
}

// Change is how a result compares with the ones before.
type Change string

// The changes.
const (
	First     Change = "first"     // it was never audited before
	Unchanged Change = "unchanged" //
	Rotted    Change = "rotted"    // it could be rebuilt once, and cannot now
	Recovered Change = "recovered" // it can be rebuilt again
	Other     Change = "other"     // it is neither better nor worse: it differs otherwise, or cannot be rebuilt for another reason
)

// Line is the result of one audit, as one line of JSON.
type Line struct {
	SchemaVersion int       `json:"schemaVersion"`
	Time          time.Time `json:"time"`
	Reference     string    `json:"reference"`
	Change        Change    `json:"change"`
	Seen
}

// Seen is what was last seen of an image.
type Seen struct {
	ExitCode int       `json:"exitCode"`
	Code     diag.Code `json:"code,omitempty"`
	Summary  string    `json:"summary"`
	// Good is when it was last rebuilt the same; zero: never. Since is since when the result is what it is.
	Good  time.Time `json:"good,omitzero"`
	Since time.Time `json:"since"`
}

type remembered struct {
	Seen
	Last time.Time `json:"last"`
	// What was said of it, by which the next audit knows whether there is something new to say.
	Verdict  Verdict       `json:"verdict,omitempty"`
	Rebuilt  digest.Digest `json:"rebuilt,omitempty"`
	Signed   bool          `json:"signed,omitempty"`
	Attached bool          `json:"attached,omitempty"`
}

// stands tells whether a result is not yet too old. One from the future says nothing of the present: the clock was wrong when it was noted, or is now.
func (m remembered) stands(now time.Time, every time.Duration) bool {
	age := now.Sub(m.Last)
	return age >= -maxSkew && age < every
}

// said tells whether a statement of this very result has been signed, and attached if that is wanted: one is enough.
func (m remembered) said(r *Result, push bool) bool {
	return m.ExitCode == r.ExitCode && m.Verdict == r.Verdict && m.Rebuilt == r.Rebuilt.Digest && m.Signed && (m.Attached || !push)
}

// remember notes what was said of a result. What was said before stands where it is the same.
func (m *remembered) remember(r *Result, before remembered, push bool) {
	m.Verdict, m.Rebuilt = r.Verdict, r.Rebuilt.Digest
	if before.said(r, push) {
		m.Signed, m.Attached = before.Signed, before.Attached
		return
	}
	lacks := func(has func(Statement) bool) bool {
		return slices.ContainsFunc(r.Statements, func(s Statement) bool { return !has(s) })
	}
	m.Signed = len(r.Statements) > 0 && !lacks(func(s Statement) bool { return s.SignedBy != "" })
	m.Attached = len(r.Statements) > 0 && !lacks(func(s Statement) bool { return s.Referrer != "" })
}

type watchState struct {
	Version int                   `json:"version"`
	Images  map[string]remembered `json:"images"`
}

// Limits of the watched file and of the state.
const (
	maxWatchBytes = 4 << 20
	maxWatched    = 10_000
	maxStateBytes = 64 << 20
)

// maxSkew is how far clocks may be apart that note results in one file.
const maxSkew = time.Minute

// Watch audits the images that a file names, each when its last result is older than w.Every, and emits a line for each audit. Results are
// remembered after every audit, so that one who is interrupted goes on where he was. It ends with ctx, or after a round where w.Once is
// set; its exit code is that of the worst result that stands.
func (a *Auditor) Watch(ctx context.Context, o Options, w WatchOptions, emit func(Line) error) (int, error) {
	if w.State == "" {
		w.State = w.File + ".state.json"
	}
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return 0, err
	}
	st, err := readState(w.State)
	if err != nil {
		return 0, err
	}
	for {
		refs, err := readWatched(w.File)
		if err != nil {
			return 0, err
		}
		for _, ref := range refs {
			if st.Images[ref].stands(a.Now(), w.Every) {
				continue
			}
			line, err := a.once(ctx, o, ref, st)
			if err != nil {
				return 0, err
			}
			if err := errors.Join(writeState(w.State, st), emit(line)); err != nil {
				return 0, err
			}
		}
		if w.Once {
			return st.worst(refs), nil
		}
		select {
		case <-time.After(a.untilNext(refs, st, w.Every)):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// once audits one image and remembers what came of it. Only an interruption is an error.
func (a *Auditor) once(ctx context.Context, o Options, ref string, st *watchState) (Line, error) {
	before, known := st.Images[ref]
	o.Reference = ref
	o.Unchanged = func(r *Result) bool { return known && before.said(r, o.Push) }
	res, err := a.Audit(ctx, o)
	if ctx.Err() != nil {
		return Line{}, context.Cause(ctx)
	}
	now := a.Now().UTC().Truncate(time.Second)
	seen := Seen{Good: before.Good, Since: now}
	made := remembered{Last: now}
	if err == nil {
		made.remember(res, before, o.Push)
		err = res.Err()
		seen.Summary = res.Summary
	}
	if err != nil {
		seen.ExitCode, seen.Code, seen.Summary = failure(err)
	} else {
		seen.Good = now
	}
	made.Seen = seen
	if known && before.same(made) {
		made.Since = before.Since
	}
	st.Images[ref] = made
	return Line{SchemaVersion, now, ref, change(before, known, made), made.Seen}, nil
}

func failure(err error) (int, diag.Code, string) {
	for _, d := range diag.All(err) {
		return diag.ExitCode(err), d.Code, clip(d.Error())
	}
	return diag.ExitCode(err), "", clip(err.Error())
}

// same says whether two results are one: for the same reason, and with the same digest where something came out. What a state of an earlier
// version does not say is not held against it.
func (m remembered) same(o remembered) bool {
	return m.alike(o) && (m.Verdict == "" || o.Verdict == "" || m.Verdict == o.Verdict && m.Rebuilt == o.Rebuilt)
}

// alike says whether they end alike.
func (m remembered) alike(o remembered) bool { return m.ExitCode == o.ExitCode && m.Code == o.Code }

func change(before remembered, known bool, now remembered) Change {
	switch {
	case !known:
		return First
	case before.same(now):
		return Unchanged
	case before.alike(now):
		return Other
	case now.ExitCode == diag.ExitProven:
		return Recovered
	case !before.Good.IsZero():
		return Rotted
	}
	return Other
}

// severity orders exit codes: what is proven to be wrong outranks what is missing, and that what could not be decided.
var severity = []int{
	diag.ExitProven, diag.ExitUndecided, diag.ExitUsage, diag.ExitStep, diag.ExitLock, diag.ExitMissing, diag.ExitPolicy, diag.ExitInvalid,
	diag.ExitNotReproducible, diag.ExitInternal,
}

func (st *watchState) worst(refs []string) int {
	out := diag.ExitProven
	for _, r := range refs {
		if c := st.Images[r].ExitCode; slices.Index(severity, c) > slices.Index(severity, out) {
			out = c
		}
	}
	return out
}

// untilNext is how long it is until a result is too old.
func (a *Auditor) untilNext(refs []string, st *watchState, every time.Duration) time.Duration {
	least := every
	for _, r := range refs {
		least = min(least, every-a.Now().Sub(st.Images[r].Last))
	}
	return max(least, time.Second)
}

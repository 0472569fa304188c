package rebuild

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
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
	Worse     Change = "other"     // it could not be rebuilt before either, for another reason
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
			if a.Now().Sub(st.Images[ref].Last) < w.Every {
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
	o.Unchanged = func(r *Result) bool { return known && before.ExitCode == r.ExitCode } // one statement is enough
	res, err := a.Audit(ctx, o)
	if ctx.Err() != nil {
		return Line{}, context.Cause(ctx)
	}
	now := a.Now().UTC().Truncate(time.Second)
	seen := Seen{Good: before.Good, Since: now}
	if err == nil {
		err = res.Err()
		seen.Summary = res.Summary
	}
	if err != nil {
		seen.ExitCode, seen.Code, seen.Summary = failure(err)
	} else {
		seen.Good = now
	}
	if known && before.ExitCode == seen.ExitCode && before.Code == seen.Code {
		seen.Since = before.Since
	}
	st.Images[ref] = remembered{seen, now}
	return Line{SchemaVersion, now, ref, change(before.Seen, known, seen), seen}, nil
}

func failure(err error) (int, diag.Code, string) {
	for _, d := range diag.All(err) {
		return diag.ExitCode(err), d.Code, clip(d.Error())
	}
	return diag.ExitCode(err), "", clip(err.Error())
}

func change(before Seen, known bool, now Seen) Change {
	switch {
	case !known:
		return First
	case before.ExitCode == now.ExitCode && before.Code == now.Code:
		return Unchanged
	case now.ExitCode == diag.ExitProven:
		return Recovered
	case !before.Good.IsZero():
		return Rotted
	}
	return Worse
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

// readWatched reads the images: REPOSITORY@sha256:... a line, once each; "#" begins a comment.
func readWatched(path string) ([]string, error) {
	data, err := readBounded(path, maxWatchBytes)
	if err != nil {
		return nil, diag.Errorf("A0316", "reading the images to watch: %w", err).WithHelp("give a file with REPOSITORY@sha256:... on each line")
	}
	var out []string
	for n, s := 1, bufio.NewScanner(bytes.NewReader(data)); s.Scan(); n++ {
		ref, _, _ := strings.Cut(s.Text(), "#")
		if ref = strings.TrimSpace(ref); ref == "" || slices.Contains(out, ref) {
			continue
		}
		if !strings.Contains(ref, "@sha256:") {
			return nil, diag.Errorf("A0316", "`%s` names no digest", clip(ref)).WithAt(diag.Position{File: path, Line: n}, "").
				WithWhy("a tag moves: what is watched would be another image every time").WithHelp("write REPOSITORY@sha256:...")
		}
		if out = append(out, ref); len(out) > maxWatched {
			return nil, diag.Errorf("A0316", "`%s` names more than %d images", path, maxWatched).WithHelp("split it")
		}
	}
	if len(out) == 0 {
		return nil, diag.Errorf("A0316", "`%s` names no image", path).WithHelp("write REPOSITORY@sha256:... on each line")
	}
	return out, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the user's own file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("`%s` has more than %d bytes", path, limit)
	}
	return data, err
}

func readState(path string) (*watchState, error) {
	st := &watchState{Version: 1, Images: map[string]remembered{}}
	data, err := readBounded(path, maxStateBytes)
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = strictjson.Unmarshal(data, st, strictjson.Limits{MaxBytes: maxStateBytes, MaxDepth: 8, AllowUnknown: true})
	}
	if err == nil && st.Version != 1 {
		err = fmt.Errorf("version %d is not known", st.Version)
	}
	if err != nil {
		return nil, diag.Errorf("A0316", "reading what was seen before, `%s`: %w", path, err).WithHelp("move the file away to begin anew")
	}
	if st.Images == nil {
		st.Images = map[string]remembered{}
	}
	return st, nil
}

func writeState(path string, st *watchState) error {
	data, err := json.MarshalIndent(st, "", " ")
	if err != nil {
		return fmt.Errorf("remembering results: %w", err)
	}
	return atomicfile.Write(path, append(data, '\n'), 0o644)
}

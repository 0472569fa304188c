package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// flooded is a source that counts what is read, gives nothing of some bundles, and takes its time.
type flooded struct {
	artifact.Source
	spoilt map[int64]bool // by size
	pause  time.Duration
	read   int64
}

func (f *flooded) Blob(ctx context.Context, d artifact.Descriptor, limit int64) ([]byte, error) {
	f.read += d.Size
	select {
	case <-time.After(f.pause):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if f.spoilt[d.Size] {
		return nil, errors.New("it is gone")
	}
	return f.Source.Blob(ctx, d, limit)
}

// TestFindFinding: a finding is found beside what anybody has attached, within the bounds of every reading, and what was not read is no proof that it
// is not there.
func TestFindFinding(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	var finding digest.Digest
	for _, s := range w.statements() {
		if s.PredicateType == provenance.PredicateRebuild && s.Subject.Digest == w.build.Index.Digest {
			said := []byte(strings.Replace(string(s.Payload), `"result":"match"`, `"result":"mismatch"`, 1))
			finding = digest.FromBytes(said)
			w.attach(s.Subject, w.sign(w.other, said))
		}
	}
	junk := func(size int) int64 {
		raw := fmt.Sprintf(`{"mediaType":"%s","x":"%s"}`, signing.BundleMediaType, strings.Repeat("x", size))
		w.attach(w.build.Index, []byte(raw))
		return int64(len(raw))
	}
	gone := junk(10) // the smallest, which is read first
	for n := range 8 {
		junk(50_000 + n)
	}
	none := digest.FromString("none")
	for name, c := range map[string]struct {
		finding digest.Digest
		source  flooded
		budget  Budget
		exit    int // of the error; 0: it is found
		says    string
	}{
		"there":                        {finding: finding},
		"beside one that is gone":      {finding: finding, source: flooded{spoilt: map[int64]bool{gone: true}}},
		"not there":                    {finding: none, exit: diag.ExitInternal, says: "no statement"},
		"not there, as far as is read": {finding: none, source: flooded{spoilt: map[int64]bool{gone: true}}, exit: diag.ExitUndecided, says: "not everything could be read"},
		"a flood":                      {finding: none, budget: Budget{Bytes: 100_000}, exit: diag.ExitUndecided, says: "more than 100000 bytes"},
		"before a flood":               {finding: finding, budget: Budget{Bytes: 100_000}},
		"a listing that is too long":   {finding: none, budget: Budget{Listing: artifact.Budget{Referrers: 5}}, exit: diag.ExitUndecided, says: "more than 5"},
		"a source that takes for ever": {finding: none, source: flooded{pause: time.Hour}, budget: Budget{Time: 200 * time.Millisecond}, exit: diag.ExitUndecided, says: "longer than 200ms"},
	} {
		o := w.options()
		c.source.Source = o.Source
		o.Source, o.Budget = &c.source, c.budget
		got, err := FindFinding(t.Context(), o, c.finding)
		if c.exit == 0 && (err != nil || got.Subject.Digest != w.build.Index.Digest || got.Name != shop || !strings.Contains(got.Result, "mismatch")) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c.exit != 0 && (diag.ExitCode(err) != c.exit || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: exit %d, %v", name, diag.ExitCode(err), err)
		}
		if b := c.budget.Bytes; b > 0 && c.source.read > 3*b { // of an index and two platforms
			t.Errorf("%s: %d bytes were read", name, c.source.read)
		}
	}
}

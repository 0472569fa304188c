package inside

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	belt = false // a parser's panic has to be seen
	m.Run()
}

func fileOf(b []byte) File { return File{bytes.NewReader(b), int64(len(b))} }

func parts(t testing.TB, name string, a, b []byte, opt Options) []Part {
	t.Helper()
	if opt.Scratch == "" {
		opt.Scratch = t.TempDir()
	}
	p, err := Compare(context.Background(), name, fileOf(a), fileOf(b), opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lines is parts in short, one line each and one for each edit.
func lines(parts []Part) []string {
	var out []string
	val := func(v *string) string {
		if v == nil {
			return "-"
		}
		return *v
	}
	for _, p := range parts {
		var s strings.Builder
		for _, n := range p.Path {
			fmt.Fprintf(&s, "%s:%s/", n.Format, n.Entry)
		}
		fmt.Fprintf(&s, " %s %s", p.Format, p.Kind)
		if p.Name != "" {
			s.WriteString(" " + p.Name)
		}
		if p.A != nil || p.B != nil {
			fmt.Fprintf(&s, " %s|%s", val(p.A), val(p.B))
		}
		if p.OrderA != nil {
			fmt.Fprintf(&s, " %q|%q", p.OrderA, p.OrderB)
		}
		if p.More > 0 {
			fmt.Fprintf(&s, " +%d", p.More)
		}
		out = append(out, s.String())
		for _, e := range p.Edits {
			out = append(out, fmt.Sprintf("  %d|%d %q[%q|%q]%q %d|%d", e.OffsetA, e.OffsetB, e.Before, e.A, e.B, e.After, e.LenA, e.LenB))
		}
	}
	return out
}

type golden struct {
	name string
	a, b []byte
	want []string
}

func check(t *testing.T, cases []golden) {
	t.Helper()
	for _, g := range cases {
		t.Run(g.name, func(t *testing.T) {
			p := parts(t, g.name, g.a, g.b, Options{})
			if diff := cmp.Diff(g.want, lines(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wellFormed(t, g.a, g.b, p)
		})
	}
}

// wellFormed holds what the contract says of any part.
func wellFormed(t testing.TB, a, b []byte, parts []Part) {
	t.Helper()
	if same := bytes.Equal(a, b); same != (len(parts) == 0) {
		t.Errorf("same %v, %d parts", same, len(parts))
	}
	for _, p := range parts {
		if len(p.Edits) > MaxEdits || len(p.OrderA) > MaxOrder || len(p.OrderB) > MaxOrder || len(p.Name) > maxName {
			t.Errorf("more than is allowed: %v", lines([]Part{p}))
		}
		if (len(p.Edits) > 0) != (p.Kind == KindText || p.Kind == KindBytes) {
			t.Errorf("%s with %d edits", p.Kind, len(p.Edits))
		}
		for _, e := range p.Edits {
			if len(e.A) > MaxRun || len(e.B) > MaxRun || len(e.Before) > MaxContext || len(e.After) > MaxContext {
				t.Errorf("too long: %v", e)
			}
			if e.LenA == e.LenB && bytes.Equal(e.A, e.B) && e.LenA <= MaxRun {
				t.Errorf("an edit without a difference: %v", e)
			}
			if len(p.Path) > 0 {
				continue
			}
			for _, s := range []struct {
				raw []byte
				off int64
				run []byte
				n   int64
			}{{a, e.OffsetA, e.A, e.LenA}, {b, e.OffsetB, e.B, e.LenB}} {
				if !bytes.HasPrefix(s.raw[s.off:], s.run) || !bytes.HasSuffix(s.raw[:s.off], e.Before) || !bytes.HasPrefix(s.raw[s.off+s.n:], e.After) {
					t.Errorf("an edit that is not in its file: %+v", e)
				}
			}
		}
	}
}

// ctx is what stands before an edit at the end of b.
func ctx(b []byte) string { return fmt.Sprintf("%q", b[max(0, len(b)-MaxContext):]) }

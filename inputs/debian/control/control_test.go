package control

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	tests := map[string]struct {
		in     string
		fields []string
		want   []Stanza
		err    string
	}{
		"two stanzas, blank lines, comment": {
			in:   "\n\nA: 1\n# note\nB:  2  \n\n \t\nA: 3\n",
			want: []Stanza{{"a": "1", "b": "2"}, {"a": "3"}},
		},
		"continuations": {in: "A: x\n y\n\tz\n .\n", want: []Stanza{{"a": "x\ny\nz\n."}}},
		"only some fields": {
			in: "A: 1\nB: 2\n more\nC: 3\n\nB: 2\n\nA: 4", fields: []string{"a", "C"},
			want: []Stanza{{"a": "1", "c": "3"}, {}, {"a": "4"}},
		},
		"no trailing newline":   {in: "A: 1", want: []Stanza{{"a": "1"}}},
		"empty":                 {in: ""},
		"value with colon":      {in: "A: b:c", want: []Stanza{{"a": "b:c"}}},
		"twice":                 {in: "A: 1\na: 2\n", err: `line 2: field "a" is given twice`},
		"twice, the last empty": {in: "A: 1\na:\n", err: `line 2: field "a" is given twice`},
		"continuation first":    {in: " x\n", err: "line 1: continuation of no field"},
		"no colon":              {in: "A: 1\nrubbish\n", err: "line 2: neither a field nor a continuation"},
		"blank in name":         {in: "A b: 1\n", err: "line 1: neither"},
		"dash first":            {in: "-----BEGIN: x\n", err: "line 1: neither"},
		"long line":             {in: "A: " + strings.Repeat("x", maxLine), err: "token too long"},
		"long field":            {in: "A: x\n" + strings.Repeat(" "+strings.Repeat("x", maxLine/2)+"\n", 9), err: "exceeds"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(NewReader(strings.NewReader(tt.in), tt.fields...))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func readAll(r *Reader) (all []Stanza, err error) {
	for {
		s, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
}

func TestParseRelations(t *testing.T) {
	got, err := ParseRelations("libc6 (>= 2.38), perl:any, awk | mawk(<<1:2~) , old (< 2), new (> 3), ")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]Relation{
		{{Name: "libc6", Op: ">=", Version: "2.38"}},
		{{Name: "perl", Arch: "any"}},
		{{Name: "awk"}, {Name: "mawk", Op: "<<", Version: "1:2~"}},
		{{Name: "old", Op: "<=", Version: "2"}},
		{{Name: "new", Op: ">=", Version: "3"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	bad := []string{"a (1)", "a (>= )", "a (>= 1", "a (>= 1) x", "a b", "-a", "a:", "a |", "| a", "a (=> 1)", "a (>= 1 2)", "ä", "a (= 1234567890123456789012)"}
	for _, s := range bad {
		if g, err := ParseRelations(s); err == nil {
			t.Errorf("%q read as %v", s, g)
		}
	}
}

// ordered are versions from the earliest to the latest, each with the rule that it shows.
var ordered = []string{
	"0~~", "0~~a", "0~", "0", "1.0~rc1-1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b1", "1.0-1+deb13u1", "1.0-1+deb13u10", "1.0-1.1", "1.0-10",
	"1.0a-1", "1.0+dfsg-1", "1.0.1-1", "1.2", "1.10", "20250101123456-1", "1:0.1",
}

func TestCompare(t *testing.T) {
	sign := func(i int) int { return min(max(i, -1), 1) }
	for i, a := range ordered {
		for j, b := range ordered {
			got, err := Compare(a, b)
			if err != nil {
				t.Fatal(err)
			}
			if sign(got) != sign(i-j) {
				t.Errorf("Compare(%q, %q) = %d", a, b, got)
			}
		}
	}
	if c, err := Compare("1.0", "1.0-0"); err != nil || c != 0 {
		t.Errorf("a missing revision is not 0: %d, %v", c, err)
	}
	for _, v := range []string{"", "a", "1 2", "1_ä", "x:1", "1:", "1.99999999999999999999"} {
		if _, err := Compare(v, "1"); err == nil {
			t.Errorf("%q compared", v)
		}
	}
}

// TestCompareAgreesWithDpkg asks dpkg itself.
func TestCompareAgreesWithDpkg(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("SKIPPED: no dpkg on this machine")
	}
	more := append([]string{"2.41-12+deb13u1", "1:1.3.dfsg+really1.3.1-1+b1", "9.1.0-1", "5.2.37-2+b5", "0.27.0-2"}, ordered...)
	for i, a := range more {
		for _, b := range more[i:min(i+2, len(more))] { // each with itself and its neighbour
			c, err := Compare(a, b)
			if err != nil {
				t.Fatal(err)
			}
			op := "eq"
			if c < 0 {
				op = "lt"
			} else if c > 0 {
				op = "gt"
			}
			if err := exec.Command(dpkg, "--compare-versions", a, op, b).Run(); err != nil {
				t.Errorf("dpkg does not say %q %s %q", a, op, b)
			}
		}
	}
}

func TestAllows(t *testing.T) {
	for rel, want := range map[string][3]bool{ // for 1, 2, 3
		"a": {true, true, true}, "a (<< 2)": {true, false, false}, "a (<= 2)": {true, true, false}, "a (= 2)": {false, true, false},
		"a (>= 2)": {false, true, true}, "a (>> 2)": {false, false, true},
	} {
		g, err := ParseRelations(rel)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []string{"1", "2", "3"} {
			if ok, err := g[0][0].Allows(v); err != nil || ok != want[i] {
				t.Errorf("%s allows %s: %v, %v", rel, v, ok, err)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("Package: a\nVersion: 1\n\nPackage: b\n x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := readAll(NewReader(strings.NewReader(string(data))))
		if err != nil {
			return
		}
		for _, s := range all {
			for k := range s {
				if k != strings.ToLower(k) || strings.ContainsAny(k, " \n:") {
					t.Errorf("field name %q", k)
				}
			}
		}
	})
}

func FuzzParseRelations(f *testing.F) {
	f.Add("libc6 (>= 2.38), perl:any, awk | mawk (<< 1)")
	f.Fuzz(func(t *testing.T, s string) {
		groups, err := ParseRelations(s)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, g := range groups {
			for i, r := range g {
				if i > 0 {
					b.WriteString(" | ")
				}
				b.WriteString(r.String())
			}
			b.WriteString(", ")
		}
		again, err := ParseRelations(b.String())
		if err != nil {
			t.Fatalf("%q does not read back: %v", b.String(), err)
		}
		if d := cmp.Diff(groups, again); d != "" {
			t.Error(d)
		}
	})
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0-1", "1:2~")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := Compare(a, b)
		if err != nil {
			return
		}
		y, err := Compare(b, a)
		if err != nil || (x < 0) != (y > 0) || (x == 0) != (y == 0) {
			t.Errorf("Compare(%q, %q) = %d, swapped %d, %v", a, b, x, y, err)
		}
	})
}

package rebuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestWhatWasSaid: a statement is left out only where this very result has been stated, signed, and attached if that is wanted.
func TestWhatWasSaid(t *testing.T) {
	one, two := digest.FromString("one"), digest.FromString("two")
	result := func(v Verdict, rebuilt digest.Digest, made ...Statement) *Result {
		r := &Result{Verdict: v, Rebuilt: Rebuilt{Digest: rebuilt}, Statements: made}
		if v != Reproduced {
			r.ExitCode = diag.ExitNotReproducible
		}
		return r
	}
	remembers := func(r *Result) remembered {
		m := remembered{Seen: Seen{ExitCode: r.ExitCode}}
		m.remember(r, remembered{}, false)
		return m
	}
	file, signed, attached := Statement{File: "f"}, Statement{File: "f", SignedBy: "k"}, Statement{SignedBy: "k", Referrer: one}
	for name, c := range map[string]struct {
		before, now *Result
		push, said  bool
	}{
		"nothing new":              {result(Different, one, attached), result(Different, one), true, true},
		"attached, and now a file": {result(Different, one, attached), result(Different, one), false, true},
		"unsteady, then different": {result(Unsteady, one), result(Different, one), true, false},
		"another digest":           {result(Different, one, attached), result(Different, two), true, false},
		"without a key":            {result(Reproduced, one, file), result(Reproduced, one), false, false},
		"one of two signed":        {result(Reproduced, one, signed, file), result(Reproduced, one), false, false},
		"not attached":             {result(Reproduced, one, signed), result(Reproduced, one), true, false},
		"a file is enough":         {result(Reproduced, one, signed), result(Reproduced, one), false, true},
	} {
		before := remembers(c.before)
		if got := before.said(c.now, c.push); got != c.said {
			t.Errorf("%s: %v", name, got)
		}
		// A round that has nothing to say leaves what was said.
		after := remembered{Seen: before.Seen}
		if after.remember(c.now, before, c.push); after.said(c.now, c.push) != c.said {
			t.Errorf("%s: after another round %+v", name, after)
		}
	}
	// A state that an earlier version wrote does not say what was stated.
	if (remembered{Seen: Seen{ExitCode: diag.ExitProven}}).said(result(Reproduced, one), false) {
		t.Error("an old state counts for a statement")
	}
}

// TestReadWatched: no image of the list is passed over.
func TestReadWatched(t *testing.T) {
	ref := "registry.example.com/team/shop@" + digest.FromString("x").String()
	for name, c := range map[string]struct {
		text string
		n    int // 0: an error
	}{
		"two, one of them twice":     {ref + "\n# comment\n" + ref + "\n" + ref + "0 # that\n", 2},
		"a tag":                      {"registry.example.com/team/shop:v1\n", 0},
		"none":                       {"#\n", 0},
		"a line that is much longer": {ref + "\n#" + strings.Repeat("x", 70_000) + "\n" + ref + "0\n", 0},
	} {
		path := filepath.Join(t.TempDir(), "watched")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readWatched(path)
		if len(got) != c.n || (err == nil) != (c.n > 0) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

package rebuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestChange: a line says what is new, also where the exit code is not.
func TestChange(t *testing.T) {
	one, two := digest.FromString("one"), digest.FromString("two")
	good := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	with := func(exit int, code diag.Code, v Verdict, rebuilt digest.Digest, good time.Time) remembered {
		return remembered{Seen: Seen{ExitCode: exit, Code: code, Good: good}, Verdict: v, Rebuilt: rebuilt}
	}
	never := time.Time{}
	for name, c := range map[string]struct {
		before, now remembered
		want        Change
	}{
		"nothing":                         {with(0, "", Reproduced, one, good), with(0, "", Reproduced, one, good), Unchanged},
		"it differs as before":            {with(13, "A0806", Different, one, never), with(13, "A0806", Different, one, never), Unchanged},
		"it differs otherwise":            {with(13, "A0806", Different, one, never), with(13, "A0806", Different, two, never), Other},
		"it differs, and was unsteady":    {with(13, "A0806", Unsteady, one, never), with(13, "A0806", Different, one, never), Other},
		"another encoding, as good":       {with(0, "", Reproduced, one, good), with(0, "", Reproduced, two, good), Other},
		"it could be rebuilt once":        {with(0, "", Reproduced, one, good), with(13, "A0806", Different, two, good), Rotted},
		"the registry is gone":            {with(0, "", Reproduced, one, good), with(17, "A0510", "", "", good), Rotted},
		"it is there again":               {with(17, "A0510", "", "", good), with(0, "", Reproduced, one, good), Recovered},
		"never, and for another reason":   {with(17, "A0510", "", "", never), with(16, "A0520", "", "", never), Other},
		"still gone":                      {with(17, "A0510", "", "", good), with(17, "A0510", "", "", good), Unchanged},
		"a state of an earlier version's": {with(0, "", "", "", good), with(0, "", Reproduced, one, good), Unchanged},
	} {
		if got := change(c.before, true, c.now); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := change(remembered{}, false, with(0, "", Reproduced, one, good)); got != First {
		t.Errorf("the first is %s", got)
	}
}

// TestResultFromTheFuture: a result stands for as long as was asked for, and not until a clock that was wrong once has been caught up with.
func TestResultFromTheFuture(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		age    time.Duration
		stands bool
	}{
		"fresh": {time.Hour, true}, "of another clock": {-time.Second, true}, "too old": {24 * time.Hour, false}, "of next year": {-365 * 24 * time.Hour, false},
	} {
		w := newWorld(t)
		ref := w.publish()
		dir := t.TempDir()
		list, state := filepath.Join(dir, "watched"), filepath.Join(dir, "state")
		st := &watchState{Version: 1, Images: map[string]remembered{ref: {Last: now.Add(-c.age)}}}
		if err := errors.Join(os.WriteFile(list, []byte(ref+"\n"), 0o600), writeState(state, st)); err != nil {
			t.Fatal(err)
		}
		a := w.auditor()
		a.Now = func() time.Time { return now }
		lines := 0
		code, err := a.Watch(t.Context(), Options{Release: trusting(w.release)}, WatchOptions{File: list, State: state, Every: 24 * time.Hour, Once: true},
			func(Line) error { lines++; return nil })
		if err != nil || (lines == 0) != c.stands || (code == diag.ExitProven) != c.stands {
			t.Errorf("%s: %d audits, exit %d, %v", name, lines, code, err)
		}
	}
}

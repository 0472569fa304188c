package nri

import (
	"slices"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// standing is what the last answer under a name said of it.
type standing int

const (
	unclear standing = iota // it came to no verdict: what was said before stays
	loose                   // refused for lack of evidence: under any name that somebody makes up the answer is this one
	firm                    // allowed, objected to, or on the deny list: under this name there is something
)

func standingOf(a engine.Answer) standing {
	if a.Allow {
		return firm
	}
	switch a.Class {
	case engine.ClassObjected, engine.ClassDenied:
		return firm
	case engine.ClassMissing, engine.ClassInvalid, engine.ClassRule:
		return loose
	}
	return unclear
}

// names are those of one digest, each list oldest first, at most maxNames in all. Whoever may have an image pulled may make up names for its
// digest; a firm one is not pushed out by them. A value is never changed in place.
type names struct {
	Firm  []string `json:"firm,omitempty"`
	Loose []string `json:"loose,omitempty"`
}

// with is k and a name. Where there is no room the oldest loose name goes; among firm ones alone there is none.
func (k names) with(name string, s standing) (out names, changed bool) {
	wasFirm, wasLoose := slices.Contains(k.Firm, name), slices.Contains(k.Loose, name)
	if wasFirm && s != loose || wasLoose && s != firm {
		return k, false
	}
	other := func(n string) bool { return n == name }
	out = names{slices.DeleteFunc(slices.Clone(k.Firm), other), slices.DeleteFunc(slices.Clone(k.Loose), other)}
	if len(out.Firm)+len(out.Loose) >= maxNames {
		if len(out.Loose) == 0 {
			return k, false
		}
		out.Loose = out.Loose[1:]
	}
	if s == firm {
		out.Firm = append(out.Firm, name)
	} else {
		out.Loose = append(out.Loose, name)
	}
	return out, true
}

// all are those that are most likely to be content first.
func (k names) all() []string { return slices.Concat(k.Firm, k.Loose) }

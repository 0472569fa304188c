package lock

import (
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"
)

// Plan is what changes from one lock to another. Entries of one thing that differ only in platform or step are one change.
type Plan struct {
	// Header lists the header lines that change, as "recipe", "dockerfile", "dockerignore" or "frontend".
	Header []HeaderChange
	// Added, Removed and Changed are sorted by kind and name.
	Added   []Entry
	Removed []Entry
	Changed []Change
	// Limit is how many lines of each kind of input Text prints before it summarises (0: DefaultLimit, negative: all).
	Limit int
}

// DefaultLimit is Plan.Limit's default.
const DefaultLimit = 20

// Change is one input that another takes the place of: the same key with other bytes, or another version of one package.
type Change struct{ Old, New Entry }

// HeaderChange is one header line that differs.
type HeaderChange struct{ Name, Old, New string }

// Empty says that nothing changes.
func (p Plan) Empty() bool {
	return len(p.Header)+len(p.Added)+len(p.Removed)+len(p.Changed) == 0
}

// Diff plans the way from before to after. Either may be nil: then all is added, or removed.
func Diff(before, after *Lock) Plan {
	if before == nil {
		before = &Lock{}
	}
	if after == nil {
		after = &Lock{}
	}
	p := Plan{Header: diffHeader(before.Header, after.Header)}
	had, have := lineSet(before.Entries), lineSet(after.Entries)
	gone, came := without(before.Entries, have), without(after.Entries, had)
	gone, came = p.pair(gone, came, func(e Entry) string { return strings.Join(asSlice(identity(e)), "\x00") })
	gone, came = p.pair(gone, came, packageKey)
	p.Removed, p.Added = distinct(gone), distinct(came)
	p.Changed = distinctChanges(p.Changed)
	return p
}

func asSlice(a [5]string) []string { return a[:] }

func diffHeader(a, b Header) []HeaderChange {
	var out []HeaderChange
	x, y := a.lines(), b.lines()
	for i := range x {
		if x[i] != y[i] {
			name, before, _ := strings.Cut(x[i], " ")
			_, now, _ := strings.Cut(y[i], " ")
			out = append(out, HeaderChange{name, unescape(before), unescape(now)})
		}
	}
	return out
}

func lineSet(entries []Entry) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, e := range entries {
		set[e.line()] = true
	}
	return set
}

func without(entries []Entry, other map[string]bool) []Entry {
	var out []Entry
	for _, e := range entries {
		if !other[e.line()] {
			out = append(out, e)
		}
	}
	return out
}

// pair moves entries of gone and came that share a key into Changed and returns the rest. Where several share one, they
// pair in order. An empty key pairs with nothing.
func (p *Plan) pair(gone, came []Entry, key func(Entry) string) (restGone, restCame []Entry) {
	byKey := map[string][]Entry{}
	for _, e := range gone {
		if k := key(e); k != "" {
			byKey[k] = append(byKey[k], e)
		} else {
			restGone = append(restGone, e)
		}
	}
	for _, e := range came {
		k := key(e)
		if waiting := byKey[k]; k != "" && len(waiting) > 0 {
			p.Changed = append(p.Changed, Change{waiting[0], e})
			byKey[k] = waiting[1:]
		} else {
			restCame = append(restCame, e)
		}
	}
	for _, e := range gone {
		if k := key(e); k != "" && len(byKey[k]) > 0 {
			restGone = append(restGone, byKey[k]...)
			delete(byKey, k)
		}
	}
	return restGone, restCame
}

// packageKey is the package without its version, in one step of one platform; empty for what is no named package.
func packageKey(e Entry) string {
	u, err := packageurl.FromString(e.PURL)
	if e.PURL == "" || err != nil || u.Type == packageurl.TypeGeneric {
		return ""
	}
	q := u.Qualifiers.Map()
	return strings.Join([]string{string(e.Kind), e.Platform, e.Step, u.Type, u.Namespace, u.Name, q["arch"], suffix(q["file_name"])}, "\x00")
}

// suffix is a file name's extension, which tells a module's .mod from its .info.
func suffix(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// shown is what of an entry a reader of the plan sees.
func shown(e Entry) Entry {
	e.Step, e.Platform, e.Evidence = "", "", ""
	return e
}

// distinct drops entries that read the same and sorts the rest.
func distinct(entries []Entry) []Entry {
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(shown(a).line(), shown(b).line()) })
	return slices.CompactFunc(entries, func(a, b Entry) bool { return shown(a) == shown(b) })
}

// distinctChanges is distinct for changes.
func distinctChanges(changes []Change) []Change {
	text := func(c Change) string { return shown(c.New).line() + "\n" + shown(c.Old).line() }
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(text(a), text(b)) })
	return slices.CompactFunc(changes, func(a, b Change) bool { return text(a) == text(b) })
}

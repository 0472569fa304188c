package solve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/inputs/debian/archive"
)

// universe reads one package a line: "name version; field: value; ...", with dep, pre, prov, conf, brk, and the words
// "essential" and "rank N". "@1" after the version is the origin.
func universe(t *testing.T, lines string, shuffle uint64) *Universe {
	t.Helper()
	u := NewUniverse("amd64")
	all := strings.Split(strings.TrimSpace(lines), "\n")
	if shuffle > 0 {
		rand.New(rand.NewPCG(shuffle, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	for _, line := range all {
		parts := strings.Split(line, ";")
		var p archive.Package
		var origin int
		if _, err := fmt.Sscanf(strings.ReplaceAll(parts[0], "@", " "), "%s %s %d", &p.Name, &p.Version, &origin); err != nil && origin != 0 {
			t.Fatal(err)
		}
		p.Rank = 3
		for _, f := range parts[1:] {
			name, value, _ := strings.Cut(strings.TrimSpace(f), ":")
			switch name {
			case "dep":
				p.Depends = value
			case "pre":
				p.PreDepends = value
			case "prov":
				p.Provides = value
			case "conf":
				p.Conflicts = value
			case "brk":
				p.Breaks = value
			case "essential":
				p.Essential = true
			case "rank 0":
				p.Rank = 0
			default:
				t.Fatalf("field %q", f)
			}
		}
		if err := u.Add(p, origin); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func TestSolve(t *testing.T) {
	tests := map[string]struct {
		packages string
		wish     Wish
		want     string // "name=version" in order
		err      string
	}{
		"essential and nothing else": {"a 1; essential\nb 1", Wish{}, "a=1", ""},
		"depends and pre-depends":    {"a 1; dep: b; pre: c\nb 1\nc 1; dep: d\nd 1", req("a"), "a=1 b=1 c=1 d=1", ""},
		"cycle":                      {"a 1; dep: b\nb 1; dep: c\nc 1; pre: a", req("a"), "a=1 b=1 c=1", ""},
		"depends on itself":          {"a 1; dep: a", req("a"), "a=1", ""},
		"newest version":             {"a 1\na 1.10\na 1.9", req("a"), "a=1.10", ""},
		"constraint picks an older version": {
			"a 1; dep: b (<< 2)\nb 1\nb 2", req("a"), "a=1 b=1", ""},
		"constraint fulfilled by what is chosen": {"a 1; dep: b (>= 2)\nb 1\nb 2\nb 3", req("a"), "a=1 b=3", ""},
		"first alternative":                      {"a 1; dep: b | c\nb 1\nc 1", req("a"), "a=1 b=1", ""},
		"first alternative does not exist":       {"a 1; dep: b | c\nc 1", req("a"), "a=1 c=1", ""},
		"first alternative is too old":           {"a 1; dep: b (>= 2) | c\nb 1\nc 1", req("a"), "a=1 c=1", ""},
		"second alternative is wished for":       {"a 1; dep: b | c\nb 1\nc 1", req("a", "c"), "a=1 c=1", ""},
		"second alternative is preferred":        {"a 1; dep: b | c\nb 1\nc 1", Wish{Requested: []string{"a"}, Prefer: []string{"c"}}, "a=1 c=1", ""},
		"real before provider":                   {"a 1; dep: v | c\nb 1; prov: v\nc 1", req("a"), "a=1 c=1", ""},
		"provider by name":                       {"a 1; dep: v\nc 1; prov: v\nb 1; prov: v", req("a"), "a=1 b=1", ""},
		"provider by rank":                       {"a 1; dep: v\nb 1; prov: v\nc 1; prov: v; rank 0", req("a"), "a=1 c=1", ""},
		"provider already chosen":                {"a 1; dep: v\nb 1; prov: v\nc 1; prov: v", req("a", "c"), "a=1 c=1", ""},
		"provided version counts":                {"a 1; dep: v (>= 2)\nb 9; prov: v (= 1)\nc 1; prov: v (= 2)", req("a"), "a=1 c=1", ""},
		"unversioned provides fulfils no version": {
			"a 1; dep: v (>= 2)\nb 9; prov: v", req("a"), "", `a needs "v (>= 2)", but no version of it can be installed`},
		"qualifier any":           {"a 1; dep: b:any\nb 1", req("a"), "a=1 b=1", ""},
		"qualifier of this":       {"a 1; dep: b:amd64\nb 1", req("a"), "a=1 b=1", ""},
		"qualifier of another":    {"a 1; dep: b:i386 | c\nb 1\nc 1", req("a"), "a=1 c=1", ""},
		"conflict passed over":    {"a 1; dep: b | c\nb 1; conf: d\nc 1\nd 1", req("a", "d"), "a=1 c=1 d=1", ""},
		"breaks passed over":      {"a 1; dep: b | c\nb 1\nc 1\nd 1; brk: b (<< 2)", req("a", "d"), "a=1 c=1 d=1", ""},
		"breaks an older version": {"a 1; dep: b\nb 2\nd 1; brk: b (<< 2)", req("a", "d"), "a=1 b=2 d=1", ""},
		"conflict with a virtual": {"a 1; dep: b | c\nb 1; prov: v\nc 1\nd 1; conf: v", req("a", "d"), "a=1 c=1 d=1", ""},
		"conflicts with what it provides itself": {
			"a 1; prov: v; conf: v\nb 1; dep: v", req("a", "b"), "a=1 b=1", ""},
		"later conflict goes back": {
			// a takes b, then z needs d, which b cannot stand.
			"a 1; dep: b | c\nb 1; conf: d\nc 1\nz 1; dep: y\ny 1; dep: d\nd 1", req("a", "z"), "a=1 c=1 d=1 y=1 z=1", ""},
		"dead end goes back": {"a 1; dep: b | c\nb 1; dep: nothing\nc 1", req("a"), "a=1 c=1", ""},
		"older version when the newest is a dead end": {
			"a 1\na 2; dep: nothing", req("a"), "a=1", ""},
		"newest constraint goes back": {
			// p takes q 2, then r needs q 1 exactly.
			"p 1; dep: q\nq 1\nq 2\nr 1; dep: q (= 1)", req("p", "r"), "p=1 q=1 r=1", ""},
		"two wishes conflict": {"a 1; conf: b\nb 1", req("a", "b"), "", "the recipe needs b, but that cannot be installed beside a 1"},
		"no way out":          {"a 1; dep: b\nb 1; dep: c\nc 1; dep: gone (>= 3)", req("a"), "", `c needs "gone (>= 3)", but no version of it can be installed (a needs b needs c)`},
		"equal versions":      {"a 1\na 1@1", req("a"), "a=1", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for shuffle := range uint64(4) {
				if strings.Contains(tt.packages, "@") && shuffle > 0 {
					break
				}
				got, err := universe(t, tt.packages, shuffle).Solve(tt.wish)
				if msg := fmt.Sprint(err); (err != nil || tt.err != "") && msg != tt.err {
					t.Fatalf("error %q, want %q", msg, tt.err)
				}
				var l []string
				for _, c := range got {
					l = append(l, c.Name+"="+c.Version)
				}
				if d := cmp.Diff(tt.want, strings.Join(l, " ")); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func req(names ...string) Wish { return Wish{Requested: names} }

func TestUnknown(t *testing.T) {
	u := universe(t, "curl 1\ncurlftpfs 1\nnginx 1\nmawk 1; prov: awk\ngawk 1; prov: awk", 0)
	tests := map[string]UnknownPackageError{
		"crul":   {Name: "crul", Similar: []string{"curl"}},
		"curll":  {Name: "curll", Similar: []string{"curl"}},
		"ngnix":  {Name: "ngnix", Similar: []string{"nginx"}},
		"nginxx": {Name: "nginxx", Similar: []string{"nginx"}},
		"awk":    {Name: "awk", Providers: []string{"gawk", "mawk"}, Similar: []string{"gawk", "mawk"}},
	}
	for name, want := range tests {
		_, err := u.Solve(req(name))
		var e *UnknownPackageError
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, *e); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWhy(t *testing.T) {
	u := universe(t, "e 1; essential; dep: l\nl 1\napt 1; dep: l\nr 1; dep: x\nx 1", 0)
	got, err := u.Solve(Wish{Always: []string{"apt"}, Requested: []string{"r"}})
	if err != nil {
		t.Fatal(err)
	}
	var l []string
	for _, c := range got {
		l = append(l, c.Name+":"+c.Why)
	}
	if d := cmp.Diff("apt:always e:essential l:e r:requested x:r", strings.Join(l, " ")); d != "" {
		t.Error(d)
	}
}

// TestBudget has a search space too large to walk: pairs that exclude each other in every combination.
func TestBudget(t *testing.T) {
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "w%d 1; dep: a%d | b%d\na%d 1; dep: gone%d | late\nb%d 1; dep: late\n", i, i, i, i, i, i)
	}
	b.WriteString("late 1; dep: gone")
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("w%d", i))
	}
	if _, err := universe(t, b.String(), 0).Solve(req(names...)); err == nil {
		t.Error("an impossible wish was fulfilled")
	}
}

func TestAddRefuses(t *testing.T) {
	for _, p := range []archive.Package{
		{Name: "a", Version: "x y"}, {Name: "a", Version: "1", Provides: "b | c"}, {Name: "a", Version: "1", Provides: "b (>= 1)"}, {Name: "a", Version: "1", Provides: "("},
	} {
		if err := NewUniverse("amd64").Add(p, 0); err == nil {
			t.Errorf("%+v was added", p)
		}
	}
	for _, p := range []archive.Package{{Name: "a", Version: "1", Depends: "("}, {Name: "a", Version: "1", Conflicts: "b | c"}} {
		u := NewUniverse("amd64")
		if err := u.Add(p, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Solve(req("a")); err == nil {
			t.Errorf("%+v was chosen", p)
		}
	}
}

package cause

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/inside"
	"github.com/selfsame-build/selfsame/compare/window"
)

var (
	timeA = time.Date(2026, 11, 28, 7, 24, 46, 0, time.UTC)
	timeB = timeA.Add(397*24*time.Hour + 2*time.Second)
)

// twins is a world like that of a real build.
func twins() World {
	real := window.Span{Name: "the build", From: timeA.Add(-time.Minute), To: timeA.Add(time.Minute)}
	moved := window.Span{Name: "B's moved clock", From: timeB.Add(-time.Minute), To: timeB.Add(time.Minute)}
	return World{
		SpansA: []window.Span{real}, SpansB: []window.Span{real, moved}, Epoch: 1_760_000_000, Inodes: Inodes{A: 5_700_000, B: 8_000},
		Planted: []Planted{
			{"T7", "host name", "selfsame-builder-a", "elsewhere-builder-b", false},
			{"T8", "kernel name", "6.18.0-here", "9.9.0-elsewhere", false},
			{"T12", "environment", "a-here", "b-elsewhere", false},
			{"T12", "CPU count", "2", "1", true},
			{"T10", "time zone", "", "ELSEW+11:30", false},
		},
	}
}

// edit is two texts with one run that differs.
func edit(a, b string) inside.Part {
	r := wholeRun(a, b)
	e := inside.Edit{A: []byte(r.a.own()), B: []byte(r.b.own()), Before: r.a.text[:r.a.from], After: r.a.text[r.a.to:]}
	e.OffsetA, e.OffsetB, e.LenA, e.LenB = int64(len(e.Before)), int64(len(e.Before)), int64(len(e.A)), int64(len(e.B))
	return inside.Part{Format: "text", Kind: inside.KindText, Edits: []inside.Edit{e}}
}

func value(format, name, a, b string) inside.Part {
	return inside.Part{Format: format, Kind: inside.KindField, Name: name, A: &a, B: &b}
}

func ordered(format string, a, b []string) inside.Part {
	return inside.Part{Format: format, Kind: inside.KindOrder, OrderA: a, OrderB: b}
}

func many(n ...int) []string {
	var out []string
	for _, i := range n {
		out = append(out, fmt.Sprint("page-", i))
	}
	return out
}

func modified(path string, parts ...inside.Part) compare.Difference {
	return compare.Difference{Kind: compare.KindModified, Path: path, Content: &compare.Content{SizeA: 400, SizeB: 400, Located: true, Parts: parts}}
}

func entry(field, a, b string) compare.Difference {
	return compare.Difference{Kind: compare.KindMetadata, Path: "srv/x", Fields: []compare.Field{{Name: field, A: &a, B: &b}}}
}

func explain(d ...compare.Difference) []Finding {
	return Explain(compare.Report{Differences: d}, twins())
}

// TestClasses has each class at least once, in the shape that builds leave.
func TestClasses(t *testing.T) {
	names := []string{"page-3", "page-1", "page-2"}
	uniform := func(seed uint64) string {
		var b strings.Builder
		for range 64 {
			seed = seed*6364136223846793005 + 1442695040888963407
			b.WriteByte(byte(seed >> 33))
		}
		return b.String()
	}
	for _, c := range []struct {
		name      string
		diff      compare.Difference
		class     Class
		certainty Certainty
	}{
		{"date", modified("built-at", edit("at 2026-11-28 07:24:46\n", "at 2027-12-30 07:24:48\n")), "T1", Certain},
		{"seconds of one clock", modified("built-at", edit("at 2026-11-28 07:24:46\n", "at 2026-11-28 07:24:48\n")), "T1", Certain},
		{"decimal", modified("v.h", edit(fmt.Sprint("#define T ", timeA.Unix(), "\n"), fmt.Sprint("#define T ", timeB.Unix(), "\n"))), "T1", Certain},
		{"day of a password", modified("etc/shadow", edit("u:!:20785:0:99999:7:::\n", "u:!:21182:0:99999:7:::\n")), "T1", Certain},
		{"year", modified("LICENSE", edit("(c) 2026 us\n", "(c) 2027 us\n")), "T1", Likely},
		{"entry's time", entry("mtime", "2026-11-28T07:24:46Z", "2026-11-28T07:24:48Z"), "T2", Certain},
		{"tar's time", modified("a.tar", value("tar", "mtime", "2026-11-28T07:24:46Z", "2026-11-28T07:24:48Z")), "T3", Certain},
		{"tar's order", modified("a.tar", ordered("tar", names, []string{"page-2", "page-1", "page-3"})), "T4", Certain},
		{"level", modified("a.xz", inside.Part{Format: "xz", Kind: inside.KindEncoding}), "T5", Certain},
		{"temporary folder", modified("bin", edit("/tmp/tmp.aB3dE5fG7h/x.c", "/tmp/tmp.Zz9yX8wV7u/x.c")), "T6", Certain},
		{"folder of its own", modified("lib.so", edit("/work/.build-J7vbPvoP\x00", "/work/.build-VKu1MZVG\x00")), "T6", Likely},
		{"host", modified("h", edit("on selfsame-builder-a\n", "on elsewhere-builder-b\n")), "T7", Certain},
		{"owner", entry("uid", "0", "1000"), "T7", Certain},
		{"kernel", modified("k", edit("6.18.0-here\n", "9.9.0-elsewhere\n")), "T8", Certain},
		{"quoting", modified("ls", edit("'\\303\\244.txt'\n", "ä.txt\n")), "T9", Likely},
		{"zone", modified("d", edit("Thu Oct  9 08:53:20 2025\n", "Wed Oct  8 21:23:20 2025\n")), "T10", Certain},
		{"mode", entry("mode", "0644", "0664"), "T11", Certain},
		{"variable", modified("env", edit("SELFSAME_CANARY=a-here\n", "SELFSAME_CANARY=b-elsewhere\n")), "T12", Certain},
		{"CPUs", modified("jobs", edit("2\n", "1\n")), "T12", Certain},
		{"uuid", modified("id", edit("a3c12d7e-52f1-4c62-9d0e-0a1b2c3d4e5f\n", "9b8f7e6d-1111-4d2c-8a3b-4c5d6e7f8091\n")), "T13", Likely},
		{"machine id", modified("etc/machine-id", edit("0123456789abcdef0123456789abcdef\n", "fedcba9876543210fedcba9876543210\n")), "T13", Certain},
		{"noise", modified("blob", inside.Part{Kind: inside.KindBytes, Edits: []inside.Edit{{A: []byte(uniform(1)), B: []byte(uniform(2)), LenA: 64, LenB: 64}}}), "T13", Likely},
		{"set", modified("s.py", edit("{'alpha', 'beta', 'gamma'}\n", "{'gamma', 'alpha', 'beta'}\n")), "T13", Likely},
		{"pointer", modified("p", edit("ARRAY(0x55d0c8a01ea0)\n", "ARRAY(0x5613f9b022d8)\n")), "T14", Likely},
		{"race", modified("log", ordered("text", []string{"job 3", "job 1", "job 2"}, []string{"job 1", "job 2", "job 3"})), "T15", Likely},
		{"flag", modified("c", edit("-march=haswell\n", "-march=x86-64\n")), "T16", Likely},
		{"aux-cache", modified("var/cache/ldconfig/aux-cache", edit("abc", "abd")), "T17", Certain},
		{"inode", modified("k", edit("5867199\n", "8204\n")), "T17", Likely},
		{"folder", modified("index", ordered("text", many(3, 1, 2, 6, 5, 4), many(6, 5, 4, 3, 2, 1))), "T18", Certain},
		{"two jobs", modified("log", ordered("text", many(1, 2), many(2, 1))), "T15", Likely},
		{"dpkg", modified("var/lib/dpkg/status-old", edit("Conffiles: x\n", "Conffiles: y\n")), "T21", Certain},
		{"certificate", modified("etc/ssl/x.pem", edit("-----BEGIN CERTIFICATE-----\nMIIB\n", "-----BEGIN CERTIFICATE-----\nMIIC\n")), "T22", Likely},
		{"attribute", entry("xattr.user.x", "1", "2"), "T23", Likely},
		{"pyc", modified("m.pyc", value("pyc", "mtime", "2026-11-28T07:24:46Z", "2026-11-28T07:24:48Z")), "T24", Certain},
		{"serial", modified("bom.json", value("json", "$.serialNumber", `"urn:uuid:1"`, `"urn:uuid:2"`)), "T24", Certain},
		{"index", modified("src/.git/index", edit("DIRC1", "DIRC2")), "T25", Certain},
		{"vcs", modified("app", value("go", "vcs.modified", "true", "false")), "T25", Certain},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := explain(c.diff)[0]
			if f.Class != c.class || f.Certainty != c.certainty {
				t.Errorf("got %s (%s): %s; also %v; want %s (%s)", f.Class, f.Certainty, f.Evidence, f.Also, c.class, c.certainty)
			}
			if f.Evidence == "" || f.Fix == "" || strings.Contains(f.Evidence, "\n") {
				t.Errorf("evidence %q, fix %q", f.Evidence, f.Fix)
			}
		})
	}
}

// TestUnknown has differences that no rule may claim to know.
func TestUnknown(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"colour: red\n", "colour: green\n"},
		{"built 2019-03-04 05:06:07\n", "built 2019-03-04 08:06:08\n"}, // times of no build
		{"on selfsame-builder-x\n", "on elsewhere-builder-y\n"},
		{"count: 7\n", "count: 9\n"},
	} {
		if f := explain(modified("srv/x", edit(c.a, c.b)))[0]; f.Certainty == Certain {
			t.Errorf("%q and %q: said to be %s, %s: %s", c.a, c.b, f.Class, f.Certainty, f.Evidence)
		}
	}
}

// TestPlantedAtItsPlace: a planted value that is in the file, but not where it differs, proves nothing.
func TestPlantedAtItsPlace(t *testing.T) {
	p := edit("selfsame-builder-a elsewhere-builder-b red\n", "selfsame-builder-a elsewhere-builder-b blue\n")
	if f := explain(modified("srv/x", p))[0]; f.Class == "T7" {
		t.Errorf("%s: %s", f.Class, f.Evidence)
	}
	swapped := edit("elsewhere-builder-b\n", "selfsame-builder-a\n") // A has B's
	if f := explain(modified("srv/x", swapped))[0]; f.Class == "T7" {
		t.Errorf("%s: %s", f.Class, f.Evidence)
	}
}

// TestRenamed pairs a file that has another name on each side.
func TestRenamed(t *testing.T) {
	list := explain(
		compare.Difference{Kind: compare.KindRemoved, Path: "tmp/tmp.aB3dE5fG7h"}, compare.Difference{Kind: compare.KindAdded, Path: "tmp/tmp.Zz9yX8wV7u"},
		compare.Difference{Kind: compare.KindRemoved, Path: "srv/selfsame-builder-a.log"}, compare.Difference{Kind: compare.KindAdded, Path: "srv/elsewhere-builder-b.log"},
	)
	var got []Class
	for _, f := range list {
		got = append(got, f.Class)
	}
	if want := []Class{"T6", "T6", "T7", "T7"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestFold: a cause that is everywhere is listed a few times, and counted.
func TestFold(t *testing.T) {
	var many []compare.Difference
	for i := range 100 {
		many = append(many, modified(fmt.Sprint("f", i), edit("on selfsame-builder-a\n", "on elsewhere-builder-b\n")))
	}
	list := explain(many...)
	n := 0
	for _, f := range list {
		n += 1 + f.More
	}
	if len(list) != maxAlike || n != 100 {
		t.Errorf("%d findings, that stand for %d; want %d and 100", len(list), n, maxAlike)
	}
}

// TestTimesAlone tells what differs by time alone from what does not.
func TestTimesAlone(t *testing.T) {
	if f := explain(modified("x", edit("at 2026-11-28 07:24:46\n", "at 2027-12-30 07:24:48\n")))[0]; !f.OfTime {
		t.Error("two times are not seen to be times")
	}
	if f := explain(modified("x", edit("a3c12d7e-52f1-4c62-9d0e-0a1b2c3d4e5f\n", "9b8f7e6d-1111-4d2c-8a3b-4c5d6e7f8091\n")))[0]; f.OfTime {
		t.Error("two identifiers are taken for times")
	}
}

// TestTimesAndMore: a date beside something else is not by time alone.
func TestTimesAndMore(t *testing.T) {
	list := explain(modified("x", edit("at 2026-11-28 07:24:46\n", "at 2027-12-30 07:24:48\n"), edit("it is qy\n", "it is vb\n")))
	if len(list) != 1 || list[0].OfTime {
		t.Errorf("%+v", list)
	}
}

func TestConclude(t *testing.T) {
	for _, c := range []struct {
		class          Class
		axes           []string
		random, proven bool
		want           Class
		certainty      Certainty
	}{
		{"T15", []string{"directory order"}, false, true, "T15", Certain},
		{"", []string{"directory order"}, false, true, "T18", Certain},
		{"", []string{"directory order"}, false, false, "T18", Likely},
		{"T13", []string{"host name"}, false, true, "T7", Certain},
		{"T13", []string{"CPU count"}, false, true, "T15", Likely},
		{"T15", []string{"address layout"}, false, true, "T14", Likely},
		{"T18", nil, true, false, "T13", Likely},
		{"T22", nil, true, false, "T22", Likely},
		{"T17", nil, true, false, "T17", Likely},
		{"T1", []string{"host name", "time zone"}, false, true, "T1", Unknown},
	} {
		if got, certainty := Conclude(c.class, c.axes, c.random, c.proven); got != c.want || certainty != c.certainty {
			t.Errorf("%+v: got %s (%s)", c, got, certainty)
		}
	}
}

func TestCatalogue(t *testing.T) {
	for i, c := range Catalogue() {
		if c.Class != Class(fmt.Sprint("T", i+1)) || c.Title == "" || c.Remedy == "" || c.Page == "" {
			t.Errorf("entry %d is %+v", i, c)
		}
		if got, ok := Lookup(c.Class); !ok || got.Title != c.Title {
			t.Errorf("%s is not found", c.Class)
		}
	}
	for _, no := range []Class{"", "T", "T0", "T26", "A1", "Tx", "T-1"} {
		if _, ok := Lookup(no); ok {
			t.Errorf("there is a cause %q", no)
		}
	}
}

package diag

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// cases are the shapes a diagnostic can have; each has a golden file.
var cases = map[string]struct {
	list  List
	width int
}{
	"place": {list: List{Errorf("A0137", "base image is not pinned").
		WithAt(Position{"recipe.yaml", 4, 10, 9}, "  image: debian:12").
		WithWhy("a tag can change between the two builds").WithHelp("run `selfsame lock` to pin it to a digest")}},
	"several": {list: List{
		Errorf("A0111", "unknown key `platform`").WithAt(Position{"recipe.yaml", 100, 1, 8}, "platform: x").WithHelp("write `platforms`"),
		Warnf("A0159", "`date` gives the time of the build").WithAt(Position{"Dockerfile", 7, 5, 4}, "RUN date"),
		Notef("A0151", "`debian:12` is a tag"),
	}},
	"file": {list: List{Errorf("A0101", "no recipe at `x`").WithAt(Position{File: "x/recipe.yaml"}, "").WithHelp("run `selfsame init`")}},
	"end":  {list: List{Errorf("A0105", "missing value").WithAt(Position{"r.yaml", 1, 6, 1}, "name:")}},
	"no caret": {list: List{Errorf("A0105", "not valid YAML near line 3").
		WithAt(Position{"r.yaml", 3, 0, 0}, "  - [a")}},
	"tabs and wide": {list: List{Errorf("A0121", "`é日本` is not a name").WithAt(Position{"r.yaml", 2, 8, 3}, "\tname: é日本 # x")}},
	"hostile": {list: List{Errorf("A0111", "unknown key `a\x1b[2Jb\u202ec`\nerror: forged").
		WithAt(Position{"r\n.yaml", 1, 1, 7}, "\x1b[2J\u202e\u200b\xff: \a").WithHelp("remove \x07 it\r\nnow")}},
	"detail": {list: List{{Code: "A0102", Severity: SeverityError, Summary: "cannot read the recipe", Cause: errors.New("permission denied")}}},
	"folded": {width: 60, list: List{Errorf("A0111", "a summary that is far too long to fit into sixty columns of a terminal").
		WithAt(Position{"recipe.yaml", 3, 90, 6}, strings.Repeat("abcdefghi ", 8)+"and here: WRONG! and then "+strings.Repeat("more text ", 9)).
		WithWhy("why is a sentence that goes on for longer than one line of sixty").
		WithHelp("run `selfsame explain A0111` and then read https://example.com/a/very/long/link/that/is/not/cut/anywhere")}},
}

func render(t *testing.T, l List, o RenderOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, l, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRenderGolden(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := render(t, c.list, RenderOptions{Width: c.width})
			file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("run with -update if this is meant (-want +got):\n%s", d)
			}
		})
	}
}

// TestRenderShape pins the shape of style.md in the code itself, so that an -update cannot lose it.
func TestRenderShape(t *testing.T) {
	want := `error[A0137]: base image is not pinned
  --> recipe.yaml:4:10
   |
 4 |   image: debian:12
   |          ^^^^^^^^^
   = why: a tag can change between the two builds
   = help: run ` + "`selfsame lock`" + ` to pin it to a digest
`
	if d := cmp.Diff(want, render(t, cases["place"].list, RenderOptions{})); d != "" {
		t.Error(d)
	}
}

func TestColourChangesNoFact(t *testing.T) {
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, c := range cases {
		plain := render(t, c.list, RenderOptions{Width: c.width})
		colour := render(t, c.list, RenderOptions{Width: c.width, Color: true})
		if colour == plain {
			t.Errorf("%s: colour was asked for and is not there", name)
		}
		if d := cmp.Diff(plain, escapes.ReplaceAllString(colour, "")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if strings.ContainsAny(plain, "\x1b\a\r\u202e\u200b") {
			t.Errorf("%s: a character of the user's text reached the terminal: %q", name, plain)
		}
	}
}

func TestRenderReportsWriteErrors(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer func() { _ = full.Close() }()
	if err := Render(full, cases["place"].list, RenderOptions{}); err == nil {
		t.Error("a full disk was not reported")
	}
}

func TestJSONShape(t *testing.T) {
	got, err := json.Marshal(cases["place"].list)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"code":"A0137","severity":"error","summary":"base image is not pinned",` +
		`"at":{"file":"recipe.yaml","line":4,"column":10,"length":9},"excerpt":"  image: debian:12",` +
		`"why":"a tag can change between the two builds","help":"run ` + "`selfsame lock`" + ` to pin it to a digest"}]`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("summary", "excerpt \x1b", 3, 2, 40)
	f.Add("日本", "\t\t\xff", 9, 100, 1)
	f.Fuzz(func(t *testing.T, summary, excerpt string, column, length, width int) {
		d := Errorf("A0111", "%s", summary).WithAt(Position{"f", 1, column % 1000, length % 1000}, excerpt).WithHelp(excerpt)
		var b bytes.Buffer
		if err := Render(&b, List{d}, RenderOptions{Width: width % 300}); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.String() {
			if r != '\n' && hidden(r) && r != '\uFFFD' {
				t.Fatalf("%q reached the terminal in %q", r, b.String())
			}
		}
	})
}

package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/compare/window"
	"github.com/selfsame-build/selfsame/report"
)

var update = flag.Bool("update", false, "rewrite testdata")

type entries = []layouttest.Entry

var file, dir = layouttest.File, layouttest.Dir

var steps = map[int]compare.Step{
	0: {Name: "FROM debian"},
	1: {Name: "COPY . /src", File: "Dockerfile", Line: 3},
	2: {Name: "RUN make install", File: "recipe.yaml", Line: 12},
	3: {Name: "RUN ldconfig", File: "recipe.yaml", Line: 14},
}

// compared is the Result of a comparison of two images made for the test.
func compared(t *testing.T, a, b layouttest.Image) report.Result {
	t.Helper()
	var imgs []*compare.Image
	for _, i := range []layouttest.Image{a, b} {
		d, m := i.Write(t)
		img, err := compare.Open(d, m)
		if err != nil {
			t.Fatal(err)
		}
		imgs = append(imgs, img)
	}
	_, reports, err := compare.Prove(context.Background(), []compare.Pair{{Platform: "linux/amd64", A: imgs[0], B: imgs[1], Steps: steps}}, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report.New("shop", reports, cause.World{})
}

func mismatch(t *testing.T) report.Result {
	app := func(stamp string) string {
		return strings.Repeat("\x7fELF\x00\x01\x02\x03", 1000) + "built " + stamp + "\x00" + strings.Repeat("\x00", 100)
	}
	image := func(stamp, id string, mode int64, more ...layouttest.Entry) layouttest.Image {
		conf := file("etc/app.conf", "k=v\n")
		conf.Mode = mode
		return layouttest.Of(t, entries{file("base", "")}, entries{file("src/main.c", "int main;")},
			append(entries{dir("usr/bin/"), file("usr/bin/app", app(stamp)), file("usr/id", id), conf}, more...),
			entries{file("etc/ld.so.cache", id)})
	}
	r := compared(t, image("2026-11-23 04:34:01", "\x00\x01\x02", 0o644, file("tmp/.wh.x", "")),
		image("2031-02-02 19:00:12", "\x00\x01\xfe", 0o640, file("var/log/\u202etxt.exe\x1b[2J\xff", "")))
	r.Axes = []string{"clock", "file order"}
	r.Files = report.Files{Report: "selfsame-out/report.json", A: "selfsame-out/A", B: "selfsame-out/B"}
	return r
}

func encodingOnly(t *testing.T) report.Result {
	image := func(mt string) layouttest.Image {
		i := layouttest.Of(t, entries{file("x", "")}, entries{file("y", strings.Repeat("y", 9000))})
		i.Layers[1].MediaType = mt
		return i
	}
	return compared(t, image(ocispec.MediaTypeImageLayerZstd), image(ocispec.MediaTypeImageLayer))
}

func configOnly(t *testing.T) report.Result {
	image := func(host string) layouttest.Image {
		i := layouttest.Of(t, entries{file("x", "")})
		i.Config = func(c *ocispec.Image) { c.Config.Env = []string{"PATH=/bin", "HOST=" + host} }
		return i
	}
	return compared(t, image("selfsame-a"), image("selfsame-b"))
}

func orderOnly(t *testing.T) report.Result {
	x, y, z := file("x", ""), file("y", ""), file("z", "")
	return compared(t, layouttest.Of(t, entries{x, y, z}), layouttest.Of(t, entries{z, x, y}))
}

func success(t *testing.T) report.Result {
	img := layouttest.Of(t, entries{file("x", "")})
	r := compared(t, img, img)
	r.Digest = "sha256:" + strings.Repeat("ab", 32)
	r.Reference = "registry.example.com/team/shop@" + r.Digest
	r.Axes = []string{"clock", "file order", "kernel name"}
	r.NotApplied = []report.NotApplied{{Name: "cpu count", Reason: "one CPU only"}}
	r.Build = &report.Build{Steps: 12, Cached: 4, SecondsA: 36.61, SecondsB: 39.2}
	r.Next = "selfsame verify " + r.Reference + " --key shop.pub"
	return r
}

func warned(t *testing.T) report.Result {
	r := success(t)
	return r.WithWarnings(window.Result{Bytes: 300 << 20, Chance: window.Chance{Seen: 3, Expected: 2.8}, Findings: []window.Finding{
		{Class: window.ClassClock, Certainty: window.Likely, Platform: "linux/amd64", Layer: 2, Step: steps[2], Path: "var/log/dpkg.log", Offset: 20, Value: "2026-11-23 04:34:01", Summary: "a date and time from build A", More: 7},
		{Class: window.ClassMtime, Certainty: window.Certain, Platform: "linux/amd64", Layer: 2, Step: steps[2], Path: "srv/\x1bc", Offset: -1, Value: "2026-11-23T04:34:01Z", Summary: "the file's time is from build A"},
	}})
}

func TestGolden(t *testing.T) {
	cases := map[string]func(*testing.T) report.Result{
		"mismatch": mismatch, "encoding": encodingOnly, "config": configOnly, "order": orderOnly, "success": success, "warned": warned,
		"nothing": func(*testing.T) report.Result { return report.New("shop", nil, cause.World{}) },
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			r := make(t)
			var text, raw bytes.Buffer
			if err := report.Text(&text, r); err != nil {
				t.Fatal(err)
			}
			if err := report.JSON(&raw, r); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", text.Bytes())
			golden(t, name+".json", raw.Bytes())
			safe(t, text.String())
			safe(t, raw.String())

			// Text is a function of the JSON: what a program reads back gives the same words.
			var back report.Result
			if err := json.Unmarshal(raw.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			var again bytes.Buffer
			if err := report.Text(&again, back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text.String(), again.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (run with -update to accept): %s", name, diff)
	}
}

// safe checks that nothing reaches a terminal but printable text and newlines.
func safe(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Error("invalid UTF-8")
	}
	for _, r := range s {
		if r != '\n' && (r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) {
			t.Errorf("%U is in the output", r)
		}
	}
}

func TestSummaryHasSixLinesAtMost(t *testing.T) {
	var buf bytes.Buffer
	if err := report.Summary(&buf, success(t)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(buf.String(), "\n"); n != 6 {
		t.Errorf("%d lines:\n%s", n, buf.String())
	}
}

func TestContractOfTheJSON(t *testing.T) {
	var buf bytes.Buffer
	if err := report.JSON(&buf, mismatch(t)); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"schemaVersion", "name", "reference", "digest", "platforms", "reproducible", "axes", "findings"} {
		if _, ok := m[k]; !ok {
			t.Errorf("no %s", k)
		}
	}
	f := m["findings"].([]any)[0].(map[string]any)
	for _, k := range []string{"class", "certainty", "platform", "layer", "path", "step", "line", "summary", "fix"} {
		if _, ok := f[k]; !ok {
			t.Errorf("a finding has no %s", k)
		}
	}
	if f["class"] != "" || f["certainty"] != "unknown" {
		t.Errorf("the cause is guessed: %v %v", f["class"], f["certainty"])
	}
	if m["reproducible"] != false {
		t.Error("reproducible")
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"a b", "\x1b[31m", "\u202e", "\xff", `a\nb`, "a\nb", `"`} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := report.Escape(a), report.Escape(b)
		safe(t, x)
		if strings.Contains(x, "\n") {
			t.Errorf("%q has a newline", x)
		}
		if a != b && x == y {
			t.Errorf("%q and %q both become %q", a, b, x)
		}
	})
}

// TestStepsWithoutAnAxis are named in the text, the first of them.
func TestStepsWithoutAnAxis(t *testing.T) {
	steps := []report.NotAppliedStep{{Step: "Dockerfile:3", Reason: "it sets TZ"}, {Step: "Dockerfile:4", Reason: "it sets TZ"}}
	for n, want := range []string{"some do", "Dockerfile:3: it sets TZ", "Dockerfile:3: it sets TZ, and 1 more"} {
		if got := (report.NotApplied{Reason: "some do", Steps: steps[:n]}).Why(); got != want {
			t.Errorf("%d steps: %q, want %q", n, got, want)
		}
	}
}

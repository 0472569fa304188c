package page

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/reporttest"
)

// fits is what no page may have too much of: text beyond the window's right edge.
const fits = `({scroll: document.documentElement.scrollWidth, window: document.documentElement.clientWidth, owned: typeof window.owned})`

// TestEveryWidthAndColour takes a picture of each page and looks for text that stands out of it, and for scripts that ran.
func TestEveryWidthAndColour(t *testing.T) {
	for name, r := range map[string]report.Result{"rich": reporttest.Rich(), "same": reporttest.Same(), "nothing": {}, "hostile": reporttest.Hostile(120)} {
		t.Run(name, func(t *testing.T) {
			page := write(t, r, nil)
			var steps []step
			var files []string
			for _, width := range []int{320, 1280} {
				for _, dark := range []bool{false, true} {
					file := picture(t, fmt.Sprintf("%s-%d-%s.png", name, width, map[bool]string{false: "light", true: "dark"}[dark]))
					files = append(files, file)
					steps = append(steps, step{Do: "open", URL: page, Width: width, Height: 800, Dark: dark}, step{Do: "eval", Text: fits},
						step{Do: "shot", File: file, Width: width})
				}
			}
			s := drive(t, steps...)
			s.quiet(t, page)
			for i, st := range steps {
				if st.Do != "eval" {
					continue
				}
				want := fmt.Sprintf(`{"scroll":%d,"window":%d,"owned":"undefined"}`, steps[i-1].Width, steps[i-1].Width)
				if got := string(s.Values[i]); got != want {
					t.Errorf("at %d px: %s, want %s", steps[i-1].Width, got, want)
				}
			}
			for _, f := range files {
				if info, err := os.Stat(f); err != nil || info.Size() < 3000 {
					t.Errorf("no picture: %v", err)
				}
			}
		})
	}
}

// shown is what a reader sees of the differences.
const shown = `({all: document.querySelectorAll(".group .finding").length,
	visible: [...document.querySelectorAll(".group .finding")].filter(f => f.checkVisibility()).map(f => f.querySelector(".path").textContent),
	count: document.querySelector("#count").textContent, open: document.querySelectorAll(".group .finding[open]").length})`

// TestHands opens, filters and toggles as a reader would.
func TestHands(t *testing.T) {
	page := write(t, reporttest.Rich(), nil)
	const hex = `[".hex", ".text"].map(s => document.querySelector("#f1 .side " + s).checkVisibility())`
	checks := []struct {
		step step
		want string // of an eval
	}{
		{step{Do: "open", URL: page, Width: 1280, Height: 900}, ""},
		{step{Do: "eval", Text: shown + ".open"}, "1"},
		{step{Do: "click", On: "#f2 summary"}, ""},
		{step{Do: "eval", Text: `document.querySelector("#f2").open && document.querySelector("#f2 .hex").checkVisibility()`}, "true"},
		{step{Do: "eval", Text: hex}, "[false,true]"},
		{step{Do: "click", On: `#f1 .toggle button[data-show="hex"]`}, ""},
		{step{Do: "eval", Text: hex}, "[true,false]"},
		{step{Do: "eval", Text: `document.querySelector('#f1 .toggle [data-show="hex"]').getAttribute("aria-pressed")`}, `"true"`},
		{step{Do: "click", On: `#f1 .toggle button[data-show="text"]`}, ""},
		{step{Do: "eval", Text: hex}, "[false,true]"},
		{step{Do: "type", On: "#filter", Text: "etc/shop"}, ""},
		{step{Do: "eval", Text: shown + ".visible"}, `["etc/shop/build.conf","etc/shop/key.pem"]`},
		{step{Do: "eval", Text: shown + ".count"}, `"2 of 7 shown"`},
		{step{Do: "shot", File: picture(t, "filtered.png")}, ""},
		{step{Do: "type", On: "#filter", Text: " t7"}, ""},
		{step{Do: "eval", Text: shown + ".visible"}, `["etc/shop/build.conf"]`},
		{step{Do: "click", On: `.chip[data-filter="T1"]`}, ""}, // T1 is not T11, nor T13
		{step{Do: "eval", Text: shown + ".visible"}, `["usr/bin/shop"]`},
		{step{Do: "click", On: `.chip[data-filter="T1"]`}, ""},
		{step{Do: "eval", Text: shown + ".visible.length"}, "7"},
		{step{Do: "click", On: "#all"}, ""},
		{step{Do: "eval", Text: shown + ".open"}, "7"},
		{step{Do: "click", On: "#all"}, ""},
		{step{Do: "eval", Text: shown + ".open"}, "0"},
		{step{Do: "click", On: `.tree a[href="#f3"]`}, ""}, // a link opens what it leads to
		{step{Do: "eval", Text: `document.querySelector("#f3").open`}, "true"},
		{step{Do: "eval", Text: `(() => { document.querySelector("#f4 summary").focus(); return document.activeElement.tagName })()`}, `"SUMMARY"`},
		{step{Do: "type", On: "#f4 summary", Text: "\r"}, ""}, // by keyboard
		{step{Do: "eval", Text: `document.querySelector("#f4").open`}, "true"},
		{step{Do: "print", File: picture(t, "rich.pdf")}, ""},
	}
	var steps []step
	for _, c := range checks {
		steps = append(steps, c.step)
	}
	s := drive(t, steps...)
	s.quiet(t, page)
	for i, c := range checks {
		if c.want != "" && string(s.Values[i]) != c.want {
			t.Errorf("step %d, %s: %s, want %s", i+1, c.step.Text, s.Values[i], c.want)
		}
	}
}

// TestWithoutScripts: everything is there to read where scripts are off, and no control that would do nothing.
func TestWithoutScripts(t *testing.T) {
	page := write(t, reporttest.Rich(), nil)
	s := drive(t, step{Do: "open", URL: page, Width: 320, Height: 800, NoJS: true},
		step{Do: "click", On: "#f2 summary"},
		step{Do: "eval", Text: `[document.querySelector("#f2").open, document.querySelector("#tools").checkVisibility(), document.querySelector(".toggle").checkVisibility(),
			document.querySelector("#f1 .hex").checkVisibility(), document.querySelector("#f1 .text").checkVisibility()]`},
		step{Do: "shot", File: picture(t, "no-script-320.png"), Width: 320})
	s.quiet(t, page)
	if got := string(s.Values[2]); got != "[true,false,false,true,true]" {
		t.Error(got)
	}
}

// TestPolicyHolds spoils pages, as if the escaping had failed: the policy alone must keep scripts from running and anything from being
// fetched. It also shows that this test would see it.
func TestPolicyHolds(t *testing.T) {
	const attack = `<script>window.owned=1</script><img src="https://evil.example/x.png" onerror="window.owned=2"><link rel=stylesheet href="https://evil.example/x.css">` +
		`<a id=bad href="javascript:window.owned=3">x</a><iframe src="https://evil.example/f"></iframe>`
	spoil := func(s string) string { return strings.Replace(s, `<main id="main">`, `<main id="main">`+attack, 1) }
	page := write(t, reporttest.Rich(), spoil)
	s := drive(t, step{Do: "open", URL: page, Width: 800, Height: 800}, step{Do: "click", On: "#bad"}, step{Do: "eval", Text: "typeof window.owned"})
	if got := string(s.Values[2]); got != `"undefined"` {
		t.Errorf("owned is a %s", got)
	}
	if len(s.Violations) < 4 {
		t.Errorf("violations: %v", s.Violations)
	}
	bare := write(t, reporttest.Rich(), func(s string) string {
		return strings.Replace(spoil(s), "Content-Security-Policy", "X-Nothing", 1)
	})
	s = drive(t, step{Do: "open", URL: bare, Width: 800, Height: 800}, step{Do: "eval", Text: "typeof window.owned"})
	if got := string(s.Values[1]); got != `"number"` {
		t.Errorf("without its policy the spoiled page runs nothing, so the test above proves nothing: %s", got)
	}
}

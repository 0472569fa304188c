package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/recipes"
)

// block is one fenced block of a page.
type block struct {
	page string
	line int // of the opening fence
	info string
	body string
}

func blocks(page, text string) []block {
	var out []block
	var open *block
	var body []string
	for i, l := range strings.Split(text, "\n") {
		info, fence := strings.CutPrefix(l, "```")
		switch {
		case fence && open == nil:
			open, body = &block{page: page, line: i + 1, info: strings.TrimSpace(info)}, nil
		case fence:
			open.body = strings.Join(body, "\n") + "\n"
			out = append(out, *open)
			open = nil
		default:
			body = append(body, l)
		}
	}
	return out
}

// filled are the parts of a page that the maintainers paste from a real run; the tests of examples make that run.
var filled = regexp.MustCompile(`(?s)<!-- (demo|broken):begin.*?<!-- (demo|broken):end -->`)

// TestNothingPretendsToRun refuses command lines that no test runs: a block with commands is "console run", or it says why
// not ("console not run: reason").
func TestNothingPretendsToRun(t *testing.T) {
	for page, text := range pages(t) {
		text = filled.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
		for _, b := range blocks(page, text) {
			kind, _, _ := strings.Cut(b.info, " ")
			reason, excused := strings.CutPrefix(b.info, "console not run: ")
			switch {
			case b.info == "console run":
			case excused && len(strings.Fields(reason)) >= 2:
				t.Logf("NOT RUN %s:%d: %s", page, b.line, reason)
			case kind == "console" || kind == "sh" || kind == "bash" || kind == "shell" || strings.HasPrefix(b.body, "$ ") || strings.Contains(b.body, "\n$ "):
				t.Errorf("%s:%d: commands that no test runs: write \"console run\", or \"console not run: REASON\"", page, b.line)
			case kind == "":
				t.Errorf("%s:%d: a block without a language", page, b.line)
			}
		}
	}
}

// TestRecipesAreRecipes reads every recipe that a page shows.
func TestRecipesAreRecipes(t *testing.T) {
	n := 0
	for page, text := range pages(t) {
		for _, b := range blocks(page, text) {
			if b.info != "yaml" || !strings.Contains("\n"+b.body, "\nrecipe: v1") {
				continue
			}
			n++
			if _, err := recipes.Parse("recipe.yaml", []byte(b.body)); err != nil {
				t.Errorf("%s:%d: %v", page, b.line, err)
			}
		}
	}
	if n < 3 {
		t.Errorf("found %d recipes; this test would prove nothing", n)
	}
}

// TestNoHostOfTheOutsideWorld keeps names of registries and paths of one machine out of the documents.
func TestNoHostOfTheOutsideWorld(t *testing.T) {
	host := regexp.MustCompile(`\b(?:deb|security)\.debian\.org|proxy\.golang\.org|registry\.npmjs\.org|pypi\.org|crates\.io|/home/[a-z]+/|/work/main`)
	for page, text := range pages(t) {
		if m := host.FindString(text); m != "" {
			t.Errorf("%s names %s", page, m)
		}
	}
}

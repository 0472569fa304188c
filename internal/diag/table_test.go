package diag

import (
	"regexp"
	"strings"
	"testing"
)

func TestTableIsComplete(t *testing.T) {
	shape := regexp.MustCompile(`^A0[1-9][0-9]{2}$`)
	legal := map[int]bool{} // 0 belongs to it: a warning that stops nothing
	for _, e := range ExitTable() {
		if legal[e.Code] || e.Meaning == "" || e.Then == "" {
			t.Errorf("exit code %d is there twice or says too little", e.Code)
		}
		legal[e.Code] = true
	}
	seen := map[Code]string{}
	for _, info := range Table() {
		if !shape.MatchString(string(info.Code)) {
			t.Errorf("%q is not a code of one of the nine groups", info.Code)
		}
		if first, ok := seen[info.Code]; ok {
			t.Errorf("%s is used twice: %q and %q", info.Code, first, info.Title)
		}
		seen[info.Code] = info.Title
		if !legal[info.Exit] {
			t.Errorf("%s leads to %d, which is no exit code", info.Code, info.Exit)
		}
		if strings.TrimSpace(info.Title) == "" || strings.HasSuffix(info.Title, ".") {
			t.Errorf("%s has the title %q; want text without a full stop", info.Code, info.Title)
		}
		if len(strings.Fields(info.Page)) < 10 {
			t.Errorf("%s has a page of %d words; say what it means, why it matters and what to do", info.Code, len(strings.Fields(info.Page)))
		}
		if Printable(strings.ReplaceAll(info.Page, "\n", "")) != strings.ReplaceAll(info.Page, "\n", "") {
			t.Errorf("%s has control characters in its page", info.Code)
		}
	}
}

func TestRecipeCodesAreUsage(t *testing.T) {
	for _, info := range recipeCodes {
		if info.Exit != ExitUsage || !strings.HasPrefix(string(info.Code), "A01") {
			t.Errorf("%s leads to %d; a recipe's codes are A01 and lead to %d", info.Code, info.Exit, ExitUsage)
		}
	}
}

package docs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestKnownAttacksPage: each class of faults that reference/known-attacks.md lists has tests, all of which exist, and one of which bears its name.
func TestKnownAttacksPage(t *testing.T) {
	page := pages(t)[filepath.Join("..", "docs", "reference", "known-attacks.md")]
	testsExist(t, page, 60)
	for class := 1; class <= 27; class++ {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| N%d \|.*$`, class)).FindString(page)
		if named := regexp.MustCompile(fmt.Sprintf(`TestN%d[A-Z]|/N%d `, class, class)); !named.MatchString(row) {
			t.Errorf("no test bears the name of N%d: %q", class, row)
		}
		if from := strings.Split(row, "|"); len(from) < 5 || strings.TrimSpace(from[3]) == "" {
			t.Errorf("N%d comes from nowhere: %q", class, row)
		}
	}
}

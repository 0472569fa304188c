package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the Go files of a package's folder, tests or the rest, as one text.
func sources(t *testing.T, dir string, tests bool) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") != tests {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// testsExist looks that each test that a page names by package, function and part is one, and that there are that many.
func testsExist(t *testing.T, page string, least int) {
	t.Helper()
	named := regexp.MustCompile("`([a-z][a-z/]*) (Test[A-Z][A-Za-z0-9]*)((?:/[^`]+)?)`").FindAllStringSubmatch(page, -1)
	if len(named) < least {
		t.Fatalf("%d tests are named; this test would prove nothing", len(named))
	}
	seen := map[string]string{}
	for _, m := range named {
		dir, test, parts := m[1], m[2], m[3]
		if seen[dir] == "" {
			seen[dir] = sources(t, dir, true)
		}
		if !strings.Contains(seen[dir], "\nfunc "+test+"(t *testing.T) {\n") {
			t.Errorf("%s has no %s", dir, test)
		}
		for part := range strings.SplitSeq(strings.TrimPrefix(parts, "/"), "/") {
			if part != "" && !strings.Contains(seen[dir], `"`+part+`"`) {
				t.Errorf("%s %s has no part %q", dir, test, part)
			}
		}
	}
}

// TestGateFailuresPage: each test that reference/gate-failures.md names is one, down to its part; and each condition that test/gates tries is
// on the page.
func TestGateFailuresPage(t *testing.T) {
	page := pages(t)[filepath.Join("..", "docs", "reference", "gate-failures.md")]
	testsExist(t, page, 90)
	conditions := regexp.MustCompile(`\{"([^"]+)", (?:w\.\w+|func|good)\b|w\.run\("([^"]+)"`).FindAllStringSubmatch(sources(t, "test/gates", true), -1)
	if len(conditions) < 25 {
		t.Fatalf("found %d conditions in test/gates; this test would prove nothing", len(conditions))
	}
	for _, m := range conditions {
		name := m[1] + m[2]
		if slices.Contains([]string{"admission", "pull", "start"}, name) { // the gates themselves
			continue
		}
		if !strings.Contains(page, "`test/gates TestGates/"+name+"`") && !strings.Contains(page, "`test/gates TestGates/"+name+"/") {
			t.Errorf("the page leaves out the condition %q", name)
		}
	}
}

// TestEveryFindingHasATest: a finding of selfsame-guard doctor that no test makes may never come.
func TestEveryFindingHasATest(t *testing.T) {
	code := regexp.MustCompile(`A09[6-9][0-9]`)
	made := code.FindAllString(sources(t, "guard/doctor", false), -1)
	slices.Sort(made)
	made = slices.Compact(made)
	if len(made) < 20 {
		t.Fatalf("found %d codes in guard/doctor; this test would prove nothing", len(made))
	}
	tests := sources(t, "guard/doctor", true)
	for _, c := range made {
		if !strings.Contains(tests, `"`+c+`"`) {
			t.Errorf("no test of guard/doctor makes %s", c)
		}
	}
}

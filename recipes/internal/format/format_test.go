package format

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestFormatsAreWhole: each has what its messages and the schema are made of, and its examples are right.
func TestFormatsAreWhole(t *testing.T) {
	for name, f := range Table() {
		if _, ok := diag.Lookup(f.Code); !ok || f.Noun == "" || f.Want == "" || strings.HasSuffix(f.Want, ".") {
			t.Errorf("%s lacks a code, a noun or a rule: %+v", name, f)
		}
		if f.Enum == nil && (f.Examples == nil || !strings.HasPrefix(f.Pattern, "^") || !strings.HasSuffix(f.Pattern, "$")) {
			t.Errorf("%s lacks examples, or a pattern from end to end: %q", name, f.Pattern)
		}
		for _, e := range append(append([]string{}, f.Examples...), f.Enum...) {
			if p := f.Judge(strings.Trim(e, `"`)); p != nil {
				t.Errorf("%s refuses its own example %q: %+v", name, e, p)
			}
		}
		for _, bad := range []string{"", " ", "a\nb", "-", "\x00", strings.Repeat("a/", 2000)} {
			p := f.Judge(bad)
			if p == nil && !pathLike(f, bad) {
				t.Errorf("%s accepts %q", name, bad)
			}
			if p != nil && (p.Summary == "" || p.Why == "" || p.Help == "" || p.Code == "") {
				t.Errorf("%s says too little of %q: %+v", name, bad, p)
			}
		}
	}
}

// pathLike: a file name may hold anything but NUL; the decoder refuses control characters in all text.
func pathLike(f *Format, bad string) bool {
	return (f.Code == diag.CodeRecipePath || f.Code == diag.CodeRecipeImagePath) && bad != "" && len(bad) < defaultMax
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"https://u:p@h/x": "https://h/x", "https://u:p@ss@h/x": "https://h/x", "https://h/x@y": "https://h/x@y", "git@h:x": "git@h:x", "https://t@h": "https://h",
	} {
		if got := redact(text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/page"
	"github.com/selfsame-build/selfsame/report/reporttest"
)

var update = flag.Bool("update", false, "rewrite testdata")

func draw(t testing.TB, r report.Result) string {
	t.Helper()
	p, err := page.HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// TestGolden holds the page's body; style and script are files of their own.
func TestGolden(t *testing.T) {
	for name, r := range map[string]report.Result{"rich": reporttest.Rich(), "same": reporttest.Same(), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			got := inline.ReplaceAllString(draw(t, r), "<$1>...</$1>")
			got = regexp.MustCompile(`sha256-[^&']+`).ReplaceAllString(got, "sha256-...")
			path := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (run with -update to accept): %s", path, diff)
			}
		})
	}
}

var inline = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)

// TestPolicyNamesWhatIsThere compares the policy's hashes with the bytes that a browser hashes.
func TestPolicyNamesWhatIsThere(t *testing.T) {
	for _, r := range []report.Result{reporttest.Rich(), reporttest.Hostile(50)} {
		text := draw(t, r)
		m := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)
		if m == nil {
			t.Fatal("no policy")
		}
		policy := html.UnescapeString(m[1])
		if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %s", policy)
		}
		found := inline.FindAllStringSubmatch(text, -1)
		if len(found) != 2 {
			t.Fatalf("%d inline parts", len(found))
		}
		for _, m := range found {
			sum := sha256.Sum256([]byte(m[2]))
			if want := m[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
				t.Errorf("%s lacks %s", policy, want)
			}
		}
	}
}

func TestSameResultSameBytes(t *testing.T) {
	for _, make := range []func() report.Result{reporttest.Rich, reporttest.Same, func() report.Result { return reporttest.Hostile(60) }} {
		first := draw(t, make())
		if first != draw(t, make()) {
			t.Error("two pages of one result differ")
		}
	}
}

// TestBounded has 10,000 findings with long texts in all layers.
func TestBounded(t *testing.T) {
	many := 10_000
	if testing.Short() {
		many = 1500
	}
	text := draw(t, reporttest.Hostile(many))
	if n := len(text); n > 12<<20 {
		t.Errorf("the page has %d MB", n>>20)
	}
	if n := strings.Count(text, `<details class="finding"`); n < 500 || n > 600 {
		t.Errorf("%d findings are drawn", n)
	}
	if !strings.Contains(text, "are not drawn; report.json has them") {
		t.Error("what is not drawn is not counted")
	}
}

func TestJSONIsEnough(t *testing.T) {
	var raw bytes.Buffer
	if err := report.JSON(&raw, reporttest.Rich()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(draw(t, reporttest.Rich()), draw(t, decode(t, raw.Bytes()))); diff != "" {
		t.Error(diff)
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/folder"
)

// layoutWith is a layout whose image has one file.
func layoutWith(t *testing.T, content string) string {
	t.Helper()
	dir, _ := layouttest.Of(t, []layouttest.Entry{layouttest.File("etc/id", content)}).Write(t)
	return dir
}

func diffOf(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	home := t.TempDir()
	env := func(name string) string { return map[string]string{"HOME": home}[name] }
	code = Main(t.Context(), append([]string{"diff"}, args...), Streams{Out: &o, Err: &e, Env: env})
	return code, o.String(), e.String()
}

func TestDiffWritesTheReport(t *testing.T) {
	a, b := layoutWith(t, "one"), layoutWith(t, "two")
	for name, c := range map[string]struct {
		b     string
		code  int
		holds string
	}{"different": {b, 13, "etc/id"}, "equal": {a, 0, "bit for bit"}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "report")
			code, out, errs := diffOf(t, a, c.b, "--report", dir, "--json")
			if code != c.code {
				t.Fatalf("exit %d\n%s%s", code, out, errs)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != len(folder.Names) {
				t.Fatalf("%v %v", entries, err)
			}
			page, err := os.ReadFile(filepath.Join(dir, folder.HTML))
			if err != nil || !strings.Contains(string(page), c.holds) {
				t.Errorf("%v: the page lacks %s", err, c.holds)
			}
			kept, err := os.ReadFile(filepath.Join(dir, folder.JSON))
			if err != nil || string(kept) != out {
				t.Errorf("%v: report.json is not what --json prints", err)
			}
			var r report.Result
			if err := json.Unmarshal(kept, &r); err != nil || r.Files.Report != filepath.Join(dir, folder.HTML) {
				t.Errorf("%v: files %+v", err, r.Files)
			}
		})
	}
}

// TestAnOldReportDoesNotOutliveItsCommand: what could not be compared leaves no report that looks like its own.
func TestAnOldReportDoesNotOutliveItsCommand(t *testing.T) {
	dir, a := t.TempDir(), layoutWith(t, "one")
	if code, _, errs := diffOf(t, a, a, "--report", dir); code != 0 {
		t.Fatal(code, errs)
	}
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := diffOf(t, a, filepath.Join(dir, "none"), "--report", dir); code == 0 || code == 13 {
		t.Errorf("exit %d", code)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "mine.txt" {
		t.Errorf("%v %v", entries, err)
	}
}

func TestReportWhereNothingCanBeWritten(t *testing.T) {
	a, b := layoutWith(t, "one"), layoutWith(t, "two")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := diffOf(t, a, b, "--report", filepath.Join(file, "report"))
	if code == 0 || code == 13 || out != "" || !strings.Contains(errs, "the report's folder") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

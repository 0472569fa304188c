// Package page opens report.html in a real browser.
package page

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/page"
	"github.com/selfsame-build/selfsame/test/fixture"
)

var shots = flag.String("shots", "", "keep the screenshots in this folder")

// step and seen are tools/browser's.
type step struct {
	Do     string `json:"do"`
	URL    string `json:"url,omitempty"`
	On     string `json:"on,omitempty"`
	Text   string `json:"text,omitempty"`
	File   string `json:"file,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Dark   bool   `json:"dark,omitempty"`
	NoJS   bool   `json:"noJS,omitempty"`
}

type seen struct {
	Values                                 []json.RawMessage
	Requests, Console, Violations, Dialogs []string
}

// browser finds tools/browser, and skips where there is no Chromium that it could drive.
func browser(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("SKIPPED: Chromium is not here, so no page was opened; `make deps` installs it")
	}
	return fixture.Tool(t, "browser")
}

// drive does the steps in a browser of its own.
func drive(t *testing.T, steps ...step) seen {
	t.Helper()
	binary := browser(t)
	in, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Stdin = bytes.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var s seen
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// write draws r into a file and gives its URL. change may spoil the page; it may be nil.
func write(t *testing.T, r report.Result, change func(string) string) string {
	t.Helper()
	data, err := page.HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		data = []byte(change(string(data)))
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// picture is where a screenshot goes.
func picture(t *testing.T, name string) string {
	t.Helper()
	if *shots == "" {
		return filepath.Join(t.TempDir(), name)
	}
	dir, err := filepath.Abs(*shots)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// quiet checks that the page fetched nothing, broke none of its own rules, and said nothing.
func (s seen) quiet(t *testing.T, pages ...string) {
	t.Helper()
	for _, u := range s.Requests {
		known := false
		for _, p := range pages {
			known = known || u == p || strings.HasPrefix(u, p+"#")
		}
		if !known {
			t.Errorf("a request to %.100s", u)
		}
	}
	if len(s.Requests) == 0 {
		t.Error("no request was seen, not even for the page: this would prove nothing")
	}
	if len(s.Violations)+len(s.Console)+len(s.Dialogs) > 0 {
		t.Errorf("violations of the policy: %v\nconsole: %v\ndialogs: %v", s.Violations, s.Console, s.Dialogs)
	}
}

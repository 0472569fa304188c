package inputs_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/inputs"
)

// grep finds the first file below dir that holds text.
func grep(t *testing.T, dir, text string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestConvertURLAndBack(t *testing.T) {
	s := sealed(t, open(t, t.TempDir()), nil)
	for in, want := range map[string]string{
		"https://example.com:443/a/b.tgz":             "https://example.com/a/b.tgz",
		"http://example.com:80":                       "http://example.com/",
		"http://example.com:443/":                     "http://example.com:443/",
		"HTTPS://EXAMPLE.com:8443/A":                  "https://example.com:8443/A",
		"https://example.com:443/@scope%2fname?x=%20": "https://example.com/@scope%2fname?x=%20",
		"http://example.com//a//b/../c?":              "http://example.com//a//b/../c?",
		"http://example.com?q=/x":                     "http://example.com/?q=/x",
		"http://[2001:DB8::1]:8080/x":                 "http://[2001:db8::1]:8080/x",
		"https://[2001:db8::1]:443/x":                 "https://[2001:db8::1]/x",
		"http://example.com/x#frag":                   "http://example.com/x",
		"http://example.com/%41%zz":                   "",
		"http://example.com/é?ü=1":                    "http://example.com/%C3%A9?%C3%BC=1",
		"http://example.com/x?sig=abc&a=b&token=":     "http://example.com/x?sig=REDACTED&a=b&token=REDACTED",
		"http://example.com/x?a=b;c&%74oken=v":        "http://example.com/x?a=b;c&%74oken=REDACTED",
		"http://example.com/a:b@c/d":                  "http://example.com/a:b@c/d",
		"ftp://example.com/":                          "",
		"https:///x":                                  "",
	} {
		conv, ok := s.ConvertURL(in)
		if ok != (want != "") {
			t.Errorf("%s: converted %t", in, ok)
			continue
		}
		if !ok {
			continue
		}
		if got, ok := s.OriginalURL(conv); !ok || got != want {
			t.Errorf("%s: back again %s, %t; want %s", in, got, ok, want)
		}
		if _, err := url.Parse(conv); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, ok := s.OriginalURL("http://example.com/x"); ok {
		t.Error("a URL of another server was decoded")
	}
}

// FuzzConvertURL: what is converted reaches the server, through a real request line, as the URL that the log line decodes to.
func FuzzConvertURL(f *testing.F) {
	f.Add("https://example.com:443/a%2Fb?x=%20&y#z")
	f.Add("http://[::1]:8080/x y?\xff")
	store, err := inputs.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	s, err := inputs.NewSealed(store, token, nil, clock)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		conv, ok := s.ConvertURL(raw)
		if !ok {
			return
		}
		back, ok := s.OriginalURL(conv)
		if !ok {
			t.Fatalf("%q became %q and does not go back", raw, conv)
		}
		u, err := url.Parse("http://127.0.0.1:1/" + strings.TrimPrefix(conv, "/"))
		if err != nil {
			t.Fatalf("%q became %q: %v", raw, conv, err)
		}
		if line := u.RequestURI(); line != "/"+strings.TrimPrefix(conv, "/") {
			t.Fatalf("%q becomes %q in the request line", conv, line)
		}
		again, ok := s.ConvertURL(back)
		if got, _ := s.OriginalURL(again); !ok || got != back {
			t.Fatalf("%q is not normal: %q", back, got)
		}
		if _, err := http.NewRequest(http.MethodGet, back, nil); err != nil {
			t.Fatalf("upstream cannot be asked for %q: %v", back, err)
		}
	})
}

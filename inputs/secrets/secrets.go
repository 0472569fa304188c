// Package secrets looks for what must not be given away in things that are about to be: private keys, tokens, passwords in addresses and in
// the files of package managers.
//
// It looks for forms that are hardly ever anything else, because who is warned of nothing three times does not read the fourth. So it
// finds no password that looks like a word, and nothing in what is compressed or encrypted. Placeholders as documentation has them
// ("user:password@", "${TOKEN}", AWS's example key) are no findings.
package secrets

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Found is something that looks like a secret. The secret itself is not in it.
type Found struct {
	Kind  string // as in "private key"
	Place string // a file, an address, or what Text was told
	Line  int    // from 1; 0: not known
}

func (f Found) String() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s: %s:%d", f.Kind, f.Place, f.Line)
	}
	return f.Kind + ": " + f.Place
}

// Limits: pieces of text are searched one by one, each with the end of the one before; a text has so many findings at most, and a tar so many
// entries.
const (
	piece    = 1 << 20
	overlap  = 8 << 10
	maxFound = 20
	maxFiles = 1_000_000
)

// rule is one form. near is a text that is in every match: a piece without it need not be searched by the pattern.
type rule struct {
	kind  string
	near  string
	form  *lazyregexp.Regexp
	only  string                    // base name of the files in which it counts; empty: all
	holds func(match [][]byte) bool // nil: every match counts
}

var rules = []rule{
	// The key's own line must follow: programs and manuals name the header alone.
	{"private key", "PRIVATE KEY", lazyregexp.New(`-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\r?\n|\\n)(?:[A-Za-z-]+: [^\n]*\r?\n)*\s*([A-Za-z0-9+/=]{32,})`), "", nil},
	{"AWS access key", "A", lazyregexp.New(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`), "", func(m [][]byte) bool { return !bytes.HasSuffix(m[0], []byte("EXAMPLE")) }},
	{"GitHub token", "gh", lazyregexp.New(`\bgh[pousr]_[A-Za-z0-9]{36}\b`), "", random},
	{"GitHub token", "github_pat_", lazyregexp.New(`\bgithub_pat_[A-Za-z0-9_]{60,}`), "", random},
	{"GitLab token", "glpat-", lazyregexp.New(`\bglpat-[A-Za-z0-9_-]{20,}`), "", random},
	{"Slack token", "xox", lazyregexp.New(`\bxox[abprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}`), "", random},
	{"npm token", "npm_", lazyregexp.New(`\bnpm_[A-Za-z0-9]{36}\b`), "", random},
	{"PyPI token", "pypi-AgEIcHlwaS", lazyregexp.New(`\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{50,}`), "", nil},
	{"Google API key", "AIza", lazyregexp.New(`\bAIza[0-9A-Za-z_-]{35}\b`), "", random},
	{"Stripe key", "_live_", lazyregexp.New(`\b[sr]k_live_[0-9a-zA-Z]{24,}`), "", random},
	{"JSON web token", "eyJ", lazyregexp.New(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}`), "", nil},
	{"password in an address", "://", lazyregexp.New(`\b[a-z][a-z0-9+.-]{1,15}://([^/\s:@"'<>]{1,64}):([^/\s:@"'<>]{3,200})@([A-Za-z0-9.-]+)`), "", addressed},
	{"npm credentials", "_auth", lazyregexp.New(`_auth(?:Token)?\s*=\s*"?([^\s"]{8,})`), ".npmrc", literal},
	{"npm credentials", "_password", lazyregexp.New(`_password\s*=\s*"?([^\s"]{4,})`), ".npmrc", literal},
	{"password of .netrc", "password", lazyregexp.New(`\bpassword\s+(\S{3,})`), ".netrc", literal},
	{"password of .netrc", "password", lazyregexp.New(`\bpassword\s+(\S{3,})`), "_netrc", literal},
	{"registry credentials", `"auth"`, lazyregexp.New(`"auth"\s*:\s*"([A-Za-z0-9+/=]{8,})"`), "config.json", nil},
	{"registry credentials", `"auth"`, lazyregexp.New(`"auth"\s*:\s*"([A-Za-z0-9+/=]{8,})"`), ".dockerconfigjson", nil},
	{"cookie", "et-", lazyregexp.New(`(?mi)^set-cookie:\s*([^\s=]+=[^\s;]{8,})`), "", nil},
	{"authorization header", "uthorization", lazyregexp.New(`(?mi)^authorization:\s*(?:bearer|basic|token)\s+(\S{8,})`), "", literal},
}

// placeholders are what stands where a secret would, in documentation.
var placeholders = lazyregexp.New(`(?i)^(?:password|passwd|passphrase|pass|pwd|secret|token|user|username|changeme|example|foo|bar|baz|test|xxx+|\*+|\.+|redacted|my[-_]?(?:password|token|secret))$|[$<>{}%]`)

// literal says that a match's first group is a value, and no placeholder.
func literal(m [][]byte) bool { return len(m) > 1 && !placeholders.Match(m[1]) }

// addressed: neither the password nor the host is made up.
func addressed(m [][]byte) bool {
	host := strings.ToLower(string(m[3]))
	for _, end := range []string{"example.com", "example.org", "example.net", ".example", ".invalid", ".test", "localhost", "127.0.0.1"} {
		if strings.HasSuffix(host, end) {
			return false
		}
	}
	return strings.Contains(host, ".") && !placeholders.Match(m[1]) && !placeholders.Match(m[2])
}

// random says that a token's characters are not a few ones over and over.
func random(m [][]byte) bool {
	seen := map[byte]bool{}
	for _, c := range m[0] {
		seen[c] = true
	}
	return len(seen) >= 12
}

// Text searches what r gives. place is what findings are called.
func Text(place string, r io.Reader) ([]Found, error) {
	var out []Found
	buf := make([]byte, 0, piece+overlap)
	lines, seen := 1, map[Found]bool{}
	for {
		// Not io.ReadFull, which cannot tell a source that ends from one that breaks off.
		var err error
		for n := 0; err == nil && len(buf) < cap(buf); buf = buf[:len(buf)+n] {
			n, err = r.Read(buf[len(buf):cap(buf)])
		}
		for _, f := range search(place, buf, lines) {
			if !seen[f] && len(out) < maxFound {
				seen[f] = true
				out = append(out, f)
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("looking for secrets in %s: %w", place, err)
		}
		done := len(buf) - overlap
		lines += bytes.Count(buf[:done], []byte("\n"))
		buf = buf[:copy(buf, buf[done:])]
	}
}

func search(place string, data []byte, line int) []Found {
	var out []Found
	base := path.Base(place)
	for _, r := range rules {
		if r.only != "" && r.only != base || !bytes.Contains(data, []byte(r.near)) {
			continue
		}
		for _, at := range r.form.FindAllSubmatchIndex(data, maxFound) {
			if r.holds == nil || r.holds(groups(data, at)) {
				out = append(out, Found{r.kind, place, line + bytes.Count(data[:at[0]], []byte("\n"))})
			}
		}
	}
	return out
}

func groups(data []byte, at []int) [][]byte {
	var out [][]byte
	for i := 0; i+1 < len(at); i += 2 {
		if at[i] < 0 {
			out = append(out, nil)
			continue
		}
		out = append(out, data[at[i]:at[i+1]])
	}
	return out
}

// Tar searches the files of an uncompressed tar, by their names in it.
func Tar(r io.Reader) ([]Found, error) {
	var out []Found
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err == nil && n == maxFiles {
			err = fmt.Errorf("more than %d files", maxFiles)
		}
		if err != nil {
			return out, fmt.Errorf("looking for secrets in the source: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		found, err := Text(h.Name, tr)
		if err != nil {
			return out, err
		}
		if out = append(out, found...); len(out) >= maxFound {
			return out[:maxFound], nil
		}
	}
}

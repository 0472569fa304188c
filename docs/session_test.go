package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/doctest"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/sigstore"
)

// A page is one session: its runnable blocks run in one shell, in a folder called "hello". Four comments are for this test:
//
//	<!-- file: NAME -->           the fenced block that follows is what the reader saves as NAME
//	<!-- after: OTHER-PAGE.md --> the session goes on where that page's ended
//	<!-- needs: PROGRAM -->       the session is not run where that program is not installed
//	<!-- with: sigstore -->       a private instance of sigstore runs, and its files lie in the folder
var (
	fileComment  = regexp.MustCompile(`^<!-- file: ([A-Za-z0-9._/-]+) -->$`)
	needsComment = regexp.MustCompile(`(?m)^<!-- needs: (\S+) -->$`)
	withSigstore = regexp.MustCompile(`(?m)^<!-- with: sigstore -->$`)
	afterComment = regexp.MustCompile(`(?m)^<!-- after: (\S+) -->$`)
)

// builds says which commands need root and builders.
var builds = regexp.MustCompile(`\bselfsame( -q)? (build|lock|doctor|builders|audit)\b`)

// perPage bounds one page's session.
const perPage = 5 * time.Minute

// session is what a page asks its reader to do, in order.
func session(page, text string) (doctest.Block, error) {
	blocks, err := doctest.Extract(page, []byte(text))
	if err != nil {
		return doctest.Block{}, err
	}
	all := doctest.Block{File: page, Line: 1}
	for _, b := range blocks {
		all.Steps = append(all.Steps, b.Steps...)
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		m := fileComment.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		if i+1 >= len(lines) || !strings.HasPrefix(lines[i+1], "```") || !filepath.IsLocal(m[1]) {
			return all, fmt.Errorf("%s:%d: no block, or no local name", page, i+1)
		}
		n := slices.Index(lines[i+2:], "```")
		if n < 0 {
			return all, fmt.Errorf("%s:%d: the file does not end", page, i+1)
		}
		body := strings.Join(lines[i+2:i+2+n], "\n")
		all.Steps = append(all.Steps, doctest.Step{Line: i + 1, Command: "cat >'" + m[1] + "' <<'END OF FILE'\n" + body + "\nEND OF FILE"})
	}
	slices.SortStableFunc(all.Steps, func(a, b doctest.Step) int { return a.Line - b.Line })
	return all, nil
}

// reader is somebody who follows the pages on a machine with nothing on it.
type reader struct {
	bin  string
	home string
	env  []string
	done map[string]string // page -> folder at its end
}

func newReader(t *testing.T) *reader {
	t.Helper()
	bin := fixture.Bin(t, "selfsame")
	// Not t.TempDir: its path may be too long for the builders' sockets.
	home, err := os.MkdirTemp("", "docs-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sigstore.Stop)
	r := &reader{bin: bin, home: home, done: map[string]string{}}
	r.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_STATE_HOME="+home+"/state", "XDG_CACHE_HOME="+home+"/cache",
		"GOCACHE="+strings.TrimSpace(string(goCache)), "GOFLAGS=", "SELFSAME_KEY_PASSWORD=of a reader", "NO_COLOR=1")
	t.Cleanup(func() {
		if os.Geteuid() == 0 {
			cmd := exec.Command(filepath.Join(bin, "selfsame"), "builders", "stop", "--remove")
			cmd.Env = r.env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("stopping the builders: %v\n%s", err, out)
			}
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return r
}

// follow runs a page, once, and gives the folder that it ended in.
func (r *reader) follow(t *testing.T, all map[string]string, page string) string {
	t.Helper()
	if dir, ok := r.done[page]; ok {
		return dir
	}
	s, err := session(page, all[page])
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(r.home, strings.NewReplacer("/", "-", ".", "-").Replace(strings.TrimPrefix(page, "../")), "hello")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if m := afterComment.FindStringSubmatch(all[page]); m != nil {
		from := r.follow(t, all, filepath.Join(filepath.Dir(page), m[1]))
		if out, err := exec.Command("cp", "-a", from+"/.", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if withSigstore.MatchString(all[page]) {
		handOut(t, dir)
	}
	// What a page leaves in the background would keep the shell's output open.
	s.Steps = append(s.Steps, doctest.Step{Line: strings.Count(all[page], "\n"), Command: "kill $(jobs -p) 2>/dev/null; wait; true"})
	ctx, cancel := context.WithTimeout(t.Context(), perPage)
	defer cancel()
	start := time.Now()
	if err := s.Run(ctx, dir, r.env); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d commands in %s", page, len(s.Steps)-1, time.Since(start).Round(100*time.Millisecond))
	r.done[page] = dir
	return dir
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// handOut puts what a user of an instance of sigstore gets into dir.
func handOut(t *testing.T, dir string) {
	t.Helper()
	i := sigstore.Start(t)
	files := map[string][]byte{"token": []byte(i.Issuer.Token(t, "release@selfsame.example", nil)), "issuer": []byte(i.Issuer.URL)}
	for name, path := range map[string]string{"trusted_root.json": i.TrustedRoot, "signing_config.json": i.SigningConfig} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = raw
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// needsRoot tells whether a page, or the page that it follows, builds.
func needsRoot(all map[string]string, page string) bool {
	if m := afterComment.FindStringSubmatch(all[page]); m != nil && needsRoot(all, filepath.Join(filepath.Dir(page), m[1])) {
		return true
	}
	s, err := session(page, all[page])
	return err == nil && slices.ContainsFunc(s.Steps, func(s doctest.Step) bool { return builds.MatchString(s.Command) })
}

// TestEveryCommandDoesWhatThePageShows follows every page that has something to run.
func TestEveryCommandDoesWhatThePageShows(t *testing.T) {
	all := pages(t)
	r := newReader(t)
	ran := 0
	names := make([]string, 0, len(all))
	for page := range all {
		names = append(names, page)
	}
	slices.Sort(names)
	for _, page := range names {
		s, err := session(page, all[page])
		if err != nil {
			t.Error(err)
			continue
		}
		if len(s.Steps) == 0 {
			continue
		}
		ran++
		t.Run(strings.TrimPrefix(page, "../"), func(t *testing.T) {
			for _, m := range needsComment.FindAllStringSubmatch(all[page], -1) {
				if _, err := exec.LookPath(m[1]); err != nil && !exists(filepath.Join(r.bin, m[1])) {
					t.Skipf("NOT RUN: this page needs %s: run make deps, and make build", m[1])
				}
			}
			if needsRoot(all, page) {
				if testing.Short() {
					t.Skip("NOT RUN: builds images for real; not with -short")
				}
				if os.Geteuid() != 0 {
					t.Skip("NOT RUN: this page builds, which needs root")
				}
				if out, err := exec.Command("sh", "-c", "PATH=$PATH:/usr/sbin command -v runc").CombinedOutput(); err != nil {
					t.Skipf("NOT RUN: this page builds, and runc is not installed: run make deps %s", out)
				}
			}
			r.follow(t, all, page)
		})
	}
	if ran == 0 {
		t.Error("no page has anything to run; this test would prove nothing")
	}
}

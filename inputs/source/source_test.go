package source_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/source"
	"github.com/selfsame-build/selfsame/internal/diag"
)

var epoch = time.Unix(1_700_000_000, 0)

func store(t *testing.T) *inputs.Store {
	t.Helper()
	s, err := inputs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// write makes files below dir: a name that ends in / is a folder, "-> x" content a link, "#!" content executable.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, name := range names {
		path, text := filepath.Join(dir, name), files[name]
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		switch target, link := strings.CutPrefix(text, "-> "); {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o777)
		case link:
			err = os.Symlink(target, path)
		default:
			mode := os.FileMode(0o666)
			if strings.HasPrefix(text, "#!") {
				mode = 0o777
			}
			err = os.WriteFile(path, []byte(text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	cmd := exec.Command("git", append([]string{"-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=1600000000 +0900", "GIT_AUTHOR_DATE=1500000000 +0000", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func commit(t *testing.T, dir string) string {
	t.Helper()
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "c")
	return git(t, dir, "rev-parse", "HEAD")
}

func pack(t *testing.T, s *inputs.Store, o source.Options) source.Context {
	t.Helper()
	if o.Epoch.IsZero() {
		o.Epoch = epoch
	}
	c, err := source.Pack(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// entries lists the layer: "mode name", with content or link target.
func entries(t *testing.T, s *inputs.Store, c source.Context) []string {
	t.Helper()
	r, _, err := s.Open(c.Layer)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname+h.Gname != "" || !h.ModTime.Equal(c.Epoch) || !h.AccessTime.IsZero() {
			t.Errorf("%s bears more than it should: %+v", h.Name, h)
		}
		line := os.FileMode(h.Mode).String() + " " + h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		if len(text) > 0 {
			line += " " + string(text)
		}
		out = append(out, line)
	}
}

func names(t *testing.T, s *inputs.Store, c source.Context) []string {
	t.Helper()
	var out []string
	for _, e := range entries(t, s, c) {
		if name := strings.Fields(e)[1]; !strings.HasSuffix(name, "/") {
			out = append(out, name)
		}
	}
	return out
}

func code(err error) diag.Code {
	if all := diag.All(err); len(all) > 0 {
		return all[0].Code
	}
	return ""
}

func TestLayer(t *testing.T) {
	dir, s := t.TempDir(), store(t)
	write(t, dir, map[string]string{"b": "two", "a/x.sh": "#!run", "a-b": "3", "empty/": "", "up": "-> ../../etc/passwd", "root": "-> /etc", "a/dir": "-> ../empty", ".git/HEAD": "no"})
	c := pack(t, s, source.Options{Dir: dir, Git: source.GitNever})
	want := []string{
		"-rwxr-xr-x ./", "-rwxr-xr-x a/", "-rw-r--r-- a-b 3", "-rwxrwxrwx a/dir -> ../empty", "-rwxr-xr-x a/x.sh #!run",
		"-rw-r--r-- b two", "-rwxr-xr-x empty/", "-rwxrwxrwx root -> /etc", "-rwxrwxrwx up -> ../../etc/passwd",
	}
	if d := cmp.Diff(want, entries(t, s, c)); d != "" {
		t.Error(d)
	}
	if c.Files != 6 || c.Bytes != 9 || c.Commit != "" || c.Dirty {
		t.Errorf("context %+v", c)
	}
	if err := s.Verify(c.Descriptor.Digest); err != nil {
		t.Error(err)
	}
}

func TestDigestIsOfNamesAndBytesOnly(t *testing.T) {
	files := map[string]string{"Dockerfile": "FROM scratch", "src/main.go": "package main", "run.sh": "#!/bin/sh", "l": "-> run.sh", "ümlaut": "x", strings.Repeat("long/", 60) + "name": "y"}
	s := store(t)
	build := func(umask int, when time.Time, useGit bool, change func(dir string)) source.Context {
		old := syscall.Umask(umask)
		defer syscall.Umask(old)
		dir := filepath.Join(t.TempDir(), "some", "where")
		write(t, dir, files)
		if useGit {
			commit(t, dir)
		}
		if change != nil {
			change(dir)
		}
		err := filepath.Walk(dir, func(p string, fi os.FileInfo, err error) error {
			if err == nil && fi.Mode()&os.ModeSymlink == 0 {
				err = os.Chtimes(p, when, when)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return pack(t, s, source.Options{Dir: dir})
	}
	one := build(0o022, time.Unix(1, 0), true, nil)
	for name, two := range map[string]source.Context{
		"umask":     build(0o077, time.Unix(1, 0), true, nil),
		"times":     build(0o002, time.Now(), true, nil),
		"no git":    build(0o000, time.Unix(5, 5), false, nil),
		"untracked": build(0o022, time.Unix(5, 5), true, func(dir string) { write(t, dir, map[string]string{"new": "n"}) }),
	} {
		if one.Descriptor.Digest != two.Descriptor.Digest {
			t.Errorf("%s: the digest is another", name)
		}
	}
	for name, change := range map[string]func(dir string){
		"content": func(dir string) { write(t, dir, map[string]string{"run.sh": "#!/bin/bash"}) },
		"mode":    func(dir string) { _ = os.Chmod(filepath.Join(dir, "run.sh"), 0o644) },
		"removed": func(dir string) { _ = os.Remove(filepath.Join(dir, "run.sh")) },
		"link": func(dir string) {
			_ = os.Remove(filepath.Join(dir, "l"))
			write(t, dir, map[string]string{"l": "-> Dockerfile"})
		},
	} {
		two := build(0o022, time.Unix(1, 0), true, change)
		if one.Descriptor.Digest == two.Descriptor.Digest {
			t.Errorf("%s: the digest is the same", name)
		}
		if !two.Dirty {
			t.Errorf("%s: the tree is not called dirty", name)
		}
	}
	if one.Dirty {
		t.Error("a clean tree is called dirty")
	}
	if a, b := pack(t, s, source.Options{Dir: t.TempDir()}), pack(t, s, source.Options{Dir: t.TempDir(), Epoch: epoch.Add(time.Second)}); a.Descriptor.Digest == b.Descriptor.Digest {
		t.Error("the epoch does not count")
	}
}

// TestIgnore's cases are Docker's documented rules (docs.docker.com/build/concepts/context/#dockerignore-files).
func TestIgnore(t *testing.T) {
	files := map[string]string{
		".dockerignore": "", "README.md": "", "README-secret.md": "", "a/README.md": "", "temp": "", "a/temp": "", "a/b/tempx": "",
		"node_modules/x/index.js": "", "node_modules/keep/index.js": "", "a/b/c.go": "", "sp ace": "",
	}
	all := []string{".dockerignore", "README-secret.md", "README.md", "a/README.md", "a/b/c.go", "a/b/tempx", "a/temp", "node_modules/keep/index.js", "node_modules/x/index.js", "sp", "temp"}
	less := func(drop ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(drop, n) })
	}
	for _, c := range []struct {
		name, ignore string
		want         []string
	}{
		{"nothing", "", all},
		{"comment and blank", "# temp\n\n  \n", all},
		{"exact", "temp", less("temp")},
		{"leading slash", "/temp", less("temp")},
		{"one level down", "*/temp*", less("a/temp")},
		{"two levels down", "*/*/temp*", less("a/b/tempx")},
		{"any level", "**/temp*", less("temp", "a/temp", "a/b/tempx")},
		{"question mark", "tem?", less("temp")},
		{"folder", "node_modules", less("node_modules/keep/index.js", "node_modules/x/index.js")},
		{"folder with slash", "node_modules/", less("node_modules/keep/index.js", "node_modules/x/index.js")},
		{"back again", "*.md\n!README.md", less("README-secret.md")},
		{"order counts", "*.md\n!README*.md\nREADME-secret.md", less("README-secret.md")},
		{"last line wins", "*.md\nREADME-secret.md\n!README*.md", all},
		{"below an ignored folder", "node_modules\n!node_modules/keep", less("node_modules/x/index.js")},
		{"everything but", "*\n!a/b", []string{"a/b/c.go", "a/b/tempx"}},
		{"itself", ".dockerignore", less(".dockerignore")},
		{"byte order mark and spaces", "\xef\xbb\xbf  temp  ", less("temp")},
		{"dots", "a/../temp", less("temp")},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, useGit := range []bool{false, true} {
				dir, s := t.TempDir(), store(t)
				write(t, dir, files)
				if useGit {
					commit(t, dir)
				}
				got := names(t, s, pack(t, s, source.Options{Dir: dir, Ignore: []byte(c.ignore)}))
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("git %t: %s", useGit, d)
				}
			}
		})
	}
	_, err := source.Pack(t.Context(), store(t), source.Options{Dir: t.TempDir(), Epoch: epoch, Ignore: []byte("a[")})
	if code(err) != diag.SourceIgnore {
		t.Errorf("bad pattern: %v", err)
	}
}

func TestReadIgnorePrefersTheDockerfilesOwn(t *testing.T) {
	dir := t.TempDir()
	if name, data, err := source.ReadIgnore(dir, "Dockerfile"); name != "" || data != nil || err != nil {
		t.Errorf("none: %q %q %v", name, data, err)
	}
	write(t, dir, map[string]string{".dockerignore": "general", "build/Dockerfile.dockerignore": "own"})
	for dockerfile, want := range map[string]string{"Dockerfile": "general", "build/Dockerfile": "own", "./build/Dockerfile": "own", "": "general"} {
		if _, data, err := source.ReadIgnore(dir, dockerfile); string(data) != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", dockerfile, data, err, want)
		}
	}
}

func TestGitFiles(t *testing.T) {
	dir, s := t.TempDir(), store(t)
	write(t, dir, map[string]string{"sub/in": "1", "sub/gone": "2", "out": "3", ".gitignore": "*.log\n", "selfsame.lock": "l", "sub/l/f": "4"})
	sha := commit(t, dir)
	write(t, dir, map[string]string{"x.log": "ignored", "new/file": "untracked", "selfsame-out/image": "o", "secret": "s"})
	o := source.Options{Dir: dir, Exclude: []string{"selfsame.lock", "selfsame-out"}, Ignore: []byte("secret")}
	c := pack(t, s, o)
	if d := cmp.Diff([]string{".gitignore", "out", "sub/gone", "sub/in", "sub/l/f"}, names(t, s, c)); d != "" {
		t.Error(d)
	}
	if c.Commit != sha || c.Dirty || cmp.Diff([]string{"new"}, c.Untracked) != "" {
		t.Errorf("commit %s, dirty %t, untracked %v", c.Commit, c.Dirty, c.Untracked)
	}
	write(t, dir, map[string]string{"selfsame.lock": "changed"})
	if pack(t, s, o).Dirty {
		t.Error("a change of an excluded file makes the source dirty")
	}
	if err := os.Remove(filepath.Join(dir, "sub/gone")); err != nil {
		t.Fatal(err)
	}
	sub := pack(t, s, source.Options{Dir: filepath.Join(dir, "sub")})
	if d := cmp.Diff([]string{"in", "l/f"}, names(t, s, sub)); d != "" || !sub.Dirty {
		t.Errorf("dirty %t: %s", sub.Dirty, d)
	}
	git(t, dir, "mv", "out", "moved")
	if c := pack(t, s, o); !c.Dirty || !slices.Contains(names(t, s, c), "moved") {
		t.Errorf("after a rename: %+v", c)
	}
	when, err := source.Epoch(t.Context(), "", filepath.Join(dir, "sub"))
	if err != nil || when.Unix() != 1600000000 {
		t.Errorf("epoch %v, %v; want the committer's time", when, err)
	}
}

func TestLinksAreNeverFollowed(t *testing.T) {
	outside, dir, s := t.TempDir(), t.TempDir(), store(t)
	write(t, outside, map[string]string{"secret": "s3cr3t", "d/f": "s3cr3t"})
	write(t, dir, map[string]string{"d/f": "mine", "file": "mine"})
	commit(t, dir)
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "d")), os.Remove(filepath.Join(dir, "file"))); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"d": "-> " + outside + "/d", "file": "-> " + outside + "/secret"})
	for _, mode := range []source.Git{source.GitAuto, source.GitNever} {
		c := pack(t, s, source.Options{Dir: dir, Git: mode})
		if got := strings.Join(entries(t, s, c), "\n"); strings.Contains(got, "s3cr3t") {
			t.Errorf("git %q: the layer holds a file from outside:\n%s", mode, got)
		}
	}
}

func TestFailuresAUserCanMend(t *testing.T) {
	socket := func(t *testing.T, dir string) {
		l, err := net.Listen("unix", filepath.Join(dir, "sock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) source.Options
		want diag.Code
	}{
		"not there": {func(_ *testing.T, dir string) source.Options { return source.Options{Dir: dir + "/no"} }, diag.SourceUnreadable},
		"a file": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"f": ""})
			return source.Options{Dir: dir + "/f"}
		}, diag.SourceUnreadable},
		"pipe": {func(t *testing.T, dir string) source.Options {
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
				t.Fatal(err)
			}
			return source.Options{Dir: dir}
		}, diag.SourceSpecial},
		"socket": {func(t *testing.T, dir string) source.Options { socket(t, dir); return source.Options{Dir: dir} }, diag.SourceSpecial},
		"socket ignored": {func(t *testing.T, dir string) source.Options {
			socket(t, dir)
			return source.Options{Dir: dir, Ignore: []byte("sock")}
		}, ""},
		"case": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"a/README": "", "a/Readme": ""})
			return source.Options{Dir: dir}
		}, diag.SourceCollision},
		"case of folders": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"a/x": "", "A/y": ""})
			return source.Options{Dir: dir}
		}, diag.SourceCollision},
		"unicode form": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"é": "", "e\u0301": ""})
			return source.Options{Dir: dir}
		}, diag.SourceCollision},
		"folding": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"straße": "", "STRASSE": ""})
			return source.Options{Dir: dir}
		}, diag.SourceCollision},
		"collision ignored": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"README": "", "Readme": ""})
			return source.Options{Dir: dir, Ignore: []byte("Readme")}
		}, ""},
		"too many files": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"1": "", "2": "", "3": ""})
			return source.Options{Dir: dir, MaxFiles: 2}
		}, diag.SourceTooLarge},
		"too many bytes": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{"1": strings.Repeat("x", 100_000)})
			return source.Options{Dir: dir, MaxBytes: 50_000}
		}, diag.SourceTooLarge},
		"nothing tracked": {func(t *testing.T, dir string) source.Options {
			git(t, dir, "init", "-q")
			write(t, dir, map[string]string{"f": ""})
			return source.Options{Dir: dir}
		}, diag.SourceUntracked},
		"no work tree": {func(_ *testing.T, dir string) source.Options { return source.Options{Dir: dir, Git: source.GitAlways} }, diag.SourceUnreadable},
		"broken .git": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{".git": "gitdir: /nowhere"})
			return source.Options{Dir: dir}
		}, diag.SourceUnreadable},
		"git missing": {func(t *testing.T, dir string) source.Options {
			write(t, dir, map[string]string{".git/HEAD": ""})
			return source.Options{Dir: dir, GitPath: "/no/git"}
		}, diag.GitMissing},
		"git not needed": {func(_ *testing.T, dir string) source.Options { return source.Options{Dir: dir, GitPath: "/no/git"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.make(t, t.TempDir())
			o.Epoch = epoch
			_, err := source.Pack(t.Context(), store(t), o)
			if code(err) != c.want || (err != nil) != (c.want != "") {
				t.Errorf("error %v (%s); want %q", err, code(err), c.want)
			}
		})
	}
	if _, err := source.Pack(t.Context(), store(t), source.Options{Dir: t.TempDir()}); err == nil {
		t.Error("no epoch was given, and none was missed")
	}
	if _, err := source.Epoch(t.Context(), "", t.TempDir()); code(err) != diag.EpochUnknown {
		t.Errorf("epoch without git: %v", err)
	}
	empty := t.TempDir()
	git(t, empty, "init", "-q")
	if _, err := source.Epoch(t.Context(), "", empty); code(err) != diag.EpochUnknown {
		t.Errorf("epoch without a commit: %v", err)
	}
}

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grows": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		},
		"shrinks":      func(path string) error { return os.Truncate(path, 10) },
		"is rewritten": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("y", 200_000)), 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := t.TempDir(), store(t)
			write(t, dir, map[string]string{"f": strings.Repeat("x", 200_000)})
			times := 0
			once := source.Opened(source.Options{Dir: dir, Epoch: epoch}, func(p string) {
				if times++; times == 1 {
					if err := change(filepath.Join(dir, p)); err != nil {
						t.Error(err)
					}
				}
			})
			c, err := source.Pack(t.Context(), s, once)
			if err != nil || times != 2 {
				t.Fatalf("a file that changed once: %v after %d readings", err, times)
			}
			got, _ := os.ReadFile(filepath.Join(dir, "f"))
			if e := entries(t, s, c); e[1] != "-rw-r--r-- f "+string(got) {
				t.Error("what was packed is not what is there now")
			}
			always := source.Opened(source.Options{Dir: dir, Epoch: epoch}, func(p string) {
				path := filepath.Join(dir, p)
				_ = os.WriteFile(path, []byte(strings.Repeat("x", 300_000)), 0o666)
				if err := change(path); err != nil {
					t.Error(err)
				}
				times++
				now := time.Unix(int64(times), 0)
				_ = os.Chtimes(path, now, now)
			})
			if _, err := source.Pack(t.Context(), s, always); code(err) != diag.SourceChanged {
				t.Errorf("a file that keeps changing: %v", err)
			}
		})
	}
}

func TestNothingOfTheRepositoryRuns(t *testing.T) {
	dir, mark := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	write(t, dir, map[string]string{"f": "x"})
	commit(t, dir)
	git(t, dir, "config", "core.fsmonitor", "touch "+mark+"; false")
	git(t, dir, "config", "core.hooksPath", dir)
	pack(t, store(t), source.Options{Dir: dir})
	if _, err := os.Stat(mark); err == nil {
		t.Error("packing ran a program that the repository names")
	}
}

func TestPointersAndSubmodules(t *testing.T) {
	lib, dir, s := t.TempDir(), t.TempDir(), store(t)
	write(t, lib, map[string]string{"lib.c": "int x;"})
	sha := commit(t, lib)
	write(t, dir, map[string]string{"big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:x\nsize 1\n", "main.c": ""})
	git(t, dir, "init", "-q")
	git(t, dir, "submodule", "--quiet", "add", lib, "third/lib")
	commit(t, dir)
	c := pack(t, s, source.Options{Dir: dir})
	if d := cmp.Diff([]string{".gitmodules", "big.bin", "main.c", "third/lib/lib.c"}, names(t, s, c)); d != "" || c.Dirty || len(c.Submodules) != 0 {
		t.Errorf("dirty %t, submodules %v: %s", c.Dirty, c.Submodules, d)
	}
	if d := cmp.Diff([]string{"big.bin"}, c.Pointers); d != "" {
		t.Error(d)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", dir, clone)
	bare := pack(t, s, source.Options{Dir: clone})
	if d := cmp.Diff([]string{"third/lib"}, bare.Submodules); d != "" {
		t.Error(d)
	}
	write(t, filepath.Join(dir, "third/lib"), map[string]string{"lib.c": "int y;"})
	if c := pack(t, s, source.Options{Dir: dir}); !c.Dirty {
		t.Error("a changed submodule does not make the tree dirty")
	}
	_ = sha
}

func TestFetch(t *testing.T) {
	dir, s := t.TempDir(), store(t)
	write(t, dir, map[string]string{"f": "one", "sub/g": "two"})
	first := commit(t, dir)
	git(t, dir, "tag", "v1")
	write(t, dir, map[string]string{"f": "three"})
	second := commit(t, dir)
	at := func(ref string, o source.Options) (source.Context, error) {
		return source.Fetch(t.Context(), s, source.Remote{URL: "file://" + dir, Ref: ref}, o)
	}
	for ref, want := range map[string]string{"v1": first, "main": second, "": second, first: first, second: second, "refs/tags/v1": first} {
		c, err := at(ref, source.Options{})
		if err != nil || c.Commit != want || c.Dirty || c.Epoch.Unix() != 1600000000 {
			t.Errorf("%s: %+v, %v", ref, c, err)
		}
	}
	local := pack(t, s, source.Options{Dir: dir, Epoch: time.Unix(1600000000, 0)})
	if c, err := at("main", source.Options{}); err != nil || c.Descriptor.Digest != local.Descriptor.Digest {
		t.Errorf("a fetched commit and the same work tree have other digests: %v", err)
	}
	if c, err := at("v1", source.Options{Dir: "sub"}); err != nil || cmp.Diff([]string{"g"}, names(t, s, c)) != "" {
		t.Errorf("a folder of a commit: %v, %v", c, err)
	}
	for ref, want := range map[string]diag.Code{"v9": diag.GitRef, strings.Repeat("0", 40): diag.GitRef, "--upload-pack=x": diag.GitRef, "a b": diag.GitRef} {
		if _, err := at(ref, source.Options{}); code(err) != want {
			t.Errorf("%s: %v (%s); want %s", ref, err, code(err), want)
		}
	}
	for url, want := range map[string]diag.Code{
		"file:///nowhere": diag.GitFetch, "ext::sh -c touch% x": diag.GitFetch, "-x": diag.GitRef, "https://u:p@example.com/r.git": diag.GitFetch,
	} {
		_, err := source.Fetch(t.Context(), s, source.Remote{URL: url}, source.Options{})
		if code(err) != want || strings.Contains(err.Error(), "u:p@") {
			t.Errorf("%s: %v (%s); want %s", url, err, code(err), want)
		}
	}
	if _, err := at("main", source.Options{Dir: "../.."}); code(err) != diag.SourceUnreadable {
		t.Errorf("a folder outside: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(s.Dir(), "tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("%d checkouts left, %v", len(left), err)
	}
}

// TestFetchRedirected has a server lead to an address that nobody was asked about: it must not be called.
func TestFetchRedirected(t *testing.T) {
	called := false
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer private.Close()
	public := httptest.NewServer(http.RedirectHandler(private.URL+"/secret", http.StatusFound))
	defer public.Close()
	var asked []string
	_, err := source.Fetch(t.Context(), store(t), source.Remote{URL: public.URL + "/r.git", Allow: func(_ context.Context, address string) error {
		asked = append(asked, address)
		return nil
	}}, source.Options{})
	if called || code(err) != diag.GitFetch || len(asked) != 1 {
		t.Errorf("called %v, asked about %v, %v", called, asked, err)
	}
	if d := diag.All(err); len(d) != 1 || !strings.Contains(d[0].Help, "leads to") {
		t.Errorf("no word on the redirect: %+v", d)
	}
}

func BenchmarkPack5000Files(b *testing.B) {
	dir := b.TempDir()
	for i := range 5000 {
		p := filepath.Join(dir, string(rune('a'+i%26)), string(rune('a'+i/26%26)), strings.Repeat("f", 1+i/676))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o777), os.WriteFile(p, make([]byte, 4096), 0o666)); err != nil {
			b.Fatal(err)
		}
	}
	s, err := inputs.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if _, err := source.Pack(b.Context(), s, source.Options{Dir: dir, Epoch: epoch}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSigningKeysStayOut: a key that signs is left out wherever it lies and whatever it is called; other keys are somebody's files.
func TestSigningKeysStayOut(t *testing.T) {
	dir, s := t.TempDir(), store(t)
	write(t, dir, map[string]string{
		"release.key": "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nx", "deep/notes.txt": "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nx",
		"tls.key": "-----BEGIN PRIVATE KEY-----\nx", "about": "see -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", "short": "-----BEGIN ENC", "empty": "",
	})
	c := pack(t, s, source.Options{Dir: dir})
	if d := cmp.Diff([]string{"about", "empty", "short", "tls.key"}, names(t, s, c)); d != "" || c.Files != 4 || strings.Join(c.Keys, " ") != "deep/notes.txt release.key" {
		t.Errorf("%d files, keys %q: %s", c.Files, c.Keys, d)
	}
}

package reproducibility

import (
	"net"
	"net/http/cgi"
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
)

// repository is a git repository on loopback, served by git's own program.
type repository struct {
	t         *testing.T
	dir, root string
	url, host string
	close     func()
}

func newRepository(t *testing.T, files map[string]string) *repository {
	t.Helper()
	root := t.TempDir()
	r := &repository{t: t, root: root, dir: filepath.Join(root, "lib.git")}
	r.git(root, "init", "-q", "-b", "main", r.dir)
	r.commit("first", files)
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Dir: root,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	t.Cleanup(s.Close)
	r.url, r.host, r.close = s.URL+"/lib.git", strings.TrimPrefix(s.URL, "http://"), s.Close
	return r
}

func (r *repository) git(dir string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1750000000 +0000", "GIT_COMMITTER_DATE=1750000000 +0000")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) commit(message string, files map[string]string) string {
	r.t.Helper()
	for name, text := range files {
		path := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git(r.dir, "add", "-A")
	r.git(r.dir, "commit", "-q", "-m", message)
	return r.git(r.dir, "rev-parse", "HEAD")
}

// TestGitSource builds a recipe whose source is a branch of a repository. The lock pins the commit; the branch moves on and the server
// goes away, and the build is still the same, also from the registry alone.
func TestGitSource(t *testing.T) {
	m := onMachine(t, "first")
	r := newRepository(t, map[string]string{
		"Dockerfile": "FROM scratch\nCOPY . /\n", "hello": "world\n", "secret": "no\n", ".dockerignore": "secret\nDockerfile\n",
	})
	dir := t.TempDir()
	write(t, dir, map[string]string{"recipe.yaml": "recipe: v1\nname: git\nplatforms: [linux/amd64]\nsource: {git: \"" + r.url +
		"\", ref: main}\nepoch: source\nbuild: {dockerfile: Dockerfile}\n"})
	if refused := m.must(10, dir, "lock", "-q"); !strings.Contains(refused.err, "private") {
		t.Errorf("a repository on loopback is fetched without leave: %s", refused.err)
	}
	write(t, dir, map[string]string{"recipe.yaml": read(t, filepath.Join(dir, "recipe.yaml")) + "record: {private: [\"" + r.host + "\"]}\n"})
	m.must(0, dir, "lock", "-q")
	first := m.build(0, dir)
	layer := lastLayer(t, filepath.Join(dir, "selfsame-out", "image"), first.Platforms["linux/amd64"])
	out, err := exec.Command("tar", "--zstd", "--utc", "--full-time", "-tvf", layer).CombinedOutput()
	if s := string(out); err != nil || !strings.Contains(s, "2025-06-15 15:06:40 hello") || strings.Contains(s, "secret") {
		t.Errorf("the image holds\n%s(%v)", out, err)
	}
	locked := read(t, filepath.Join(dir, "selfsame.lock"))
	second := r.commit("second", map[string]string{"hello": "moon\n"})
	m.must(0, dir, "lock", "--check")
	m.must(0, dir, "lock", "-q")
	if again := read(t, filepath.Join(dir, "selfsame.lock")); again != locked {
		t.Errorf("the pin moved without --upgrade:\n%s", again)
	}
	// Another machine has nothing of it, and fetches the same commit though the branch is elsewhere.
	other := onMachine(t, "with nothing but the registry")
	if got := other.build(0, dir); got.Digest != first.Digest {
		t.Errorf("on another machine: %s, want %s", got.Digest, first.Digest)
	}
	m.must(0, dir, "lock", "-q", "--upgrade")
	if !strings.Contains(read(t, filepath.Join(dir, "selfsame.lock")), second) {
		t.Error("--upgrade keeps the old commit")
	}
	moved := m.build(0, dir)
	if moved.Digest == first.Digest {
		t.Error("another commit gave the same image")
	}
	r.close()
	write(t, dir, map[string]string{"selfsame.lock": locked})
	if got := m.build(0, dir, "--no-cache", "--offline"); got.Digest != first.Digest {
		t.Errorf("without the server: %s, want %s", got.Digest, first.Digest)
	}
}

// TestGitAdded adds a folder of a repository's tag to an image.
func TestGitAdded(t *testing.T) {
	m := onMachine(t, "first")
	r := newRepository(t, map[string]string{"src/a": "a\n", "src/b/c": "c\n", "other": "x\n"})
	if err := os.Chmod(filepath.Join(r.dir, "src/b/c"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if err := os.Symlink("b/c", filepath.Join(r.dir, "src/link")); err != nil {
		t.Fatal(err)
	}
	r.commit("a program and a link", nil)
	commit := r.git(r.dir, "rev-parse", "HEAD")
	r.git(r.dir, "tag", "v1")
	dir := t.TempDir()
	add := func(line string) {
		write(t, dir, map[string]string{"Dockerfile": "FROM scratch\n" + line + "\n"})
	}
	write(t, dir, map[string]string{"recipe.yaml": "recipe: v1\nname: git\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1760000000\n" +
		"build: {dockerfile: Dockerfile}\nrecord: {private: [\"" + r.host + "\"]}\n"})
	add("ADD --keep-git-dir=true " + r.url + "#v1 /lib")
	if got := m.must(10, dir, "lock", "-q"); !strings.Contains(got.err, "A0305") || !strings.Contains(got.err, "Dockerfile:2") {
		t.Errorf("--keep-git-dir: %s", got.err)
	}
	add("ADD --checksum=0123456789012345678901234567890123456789 " + r.url + "#v1 /lib")
	m.must(11, dir, "lock", "-q")
	add("ADD --checksum=" + commit + " " + r.url + "#v1:src /lib")
	m.must(0, dir, "lock", "-q")
	plain := stockTar(t, dir, "ADD "+r.url+"#v1:src /lib")
	r.commit("more", map[string]string{"src/a": "changed\n"})
	r.git(r.dir, "tag", "-f", "v1")
	res := m.build(0, dir)
	r.close()
	if got := m.build(0, dir, "--no-cache", "--offline"); got.Digest != res.Digest {
		t.Errorf("without the server: %s, want %s", got.Digest, res.Digest)
	}
	layer := lastLayer(t, filepath.Join(dir, "selfsame-out", "image"), res.Platforms["linux/amd64"])
	if out, err := exec.Command("tar", "--zstd", "-tf", layer).CombinedOutput(); err != nil || string(out) != "lib/\nlib/a\nlib/b/\nlib/b/c\nlib/link\n" {
		t.Errorf("the image holds\n%s(%v)", out, err)
	}
	if d := cmp.Diff(listing(t, plain), listing(t, layer, "--zstd")); d != "" {
		t.Errorf("stock BuildKit adds other files (-stock +selfsame):\n%s", d)
	}
	if out, err := exec.Command("tar", "--zstd", "-xOf", layer, "lib/a").CombinedOutput(); err != nil || string(out) != "a\n" {
		t.Errorf("lib/a is %q (%v), want the locked commit's", out, err)
	}
}

// stockTar builds one line of a Dockerfile as BuildKit does without us, and gives the image's files as a tar.
func stockTar(t *testing.T, dir, line string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "stock.tar")
	buildctl, err := filepath.Abs("../../bin/buildctl")
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	write(t, work, map[string]string{"Dockerfile": "FROM scratch\n" + line + "\n"})
	cmd := exec.Command(buildctl, "--addr", "unix://"+stockBuilder(t), "build", "--progress", "plain", "--frontend", "dockerfile.v0",
		"--local", "context="+work, "--local", "dockerfile="+work, "--output", "type=tar,dest="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("buildctl: %v\n%s", err, text)
	}
	return out
}

// listing is what an archive holds: modes, owners, names and where links lead, without times.
func listing(t *testing.T, archive string, flags ...string) []string {
	t.Helper()
	out, err := exec.Command("tar", append(flags, "--numeric-owner", "-tvf", archive)...).CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // mode, owner, size, day, time, name
		lines = append(lines, strings.Join(append(f[:3:3], f[5:]...), " "))
	}
	slices.Sort(lines)
	return lines
}

// stockBuilder starts a daemon as its own administrator would.
func stockBuilder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "selfsame-b-") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	path, err := filepath.Abs("../../bin/buildkitd")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--config", "/dev/null", "--root", filepath.Join(dir, "root"), "--addr", "unix://"+socket, "--containerd-worker", "false",
		"--oci-worker-net", "host", "--proxy-network", "--allow-insecure-entitlement", "network.host")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for range 200 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("buildkitd does not answer:\n%s", read(t, log.Name()))
	return ""
}

// lastLayer is the path of an image's uppermost layer.
func lastLayer(t *testing.T, layout, manifest string) string {
	t.Helper()
	all := layersOf(t, layout, manifest)
	return all[len(all)-1]
}

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestCallersSurroundings builds one commit plainly and with everything about the caller turned over that BuildKit, git or a Dockerfile would
// listen to: it is one lock and one image.
func TestCallersSurroundings(t *testing.T) {
	home := newMachine(t)
	up := newUpstream(t, "fetched\n")
	up.header("Date", "Mon, 23 Nov 2026 04:34:00 GMT")
	dir := dockerfile(t, "FROM scratch\nARG SOURCE_DATE_EPOCH\nARG HTTP_PROXY\nARG USER=nobody\nENV AT=$SOURCE_DATE_EPOCH BY=$USER PROXY=none$HTTP_PROXY\n"+
		"ADD http://"+up.host+"/added /\nCOPY step hello /\nRUN [\"/step\", \"environment\", \"/environment\"]\n"+
		"RUN [\"/step\", \"get\", \"http://"+up.host+"/fetched\", \"/fetched\"]\n")
	put(t, filepath.Join(dir, "recipe.yaml"), "recipe: v1\nname: x\nplatforms: [linux/amd64]\nepoch: source\nbuild: {dockerfile: Dockerfile}\n"+
		"record: {private: [\""+up.host+"\"]}\n")
	put(t, filepath.Join(dir, "hello"), "hello\r\n")
	put(t, filepath.Join(dir, ".gitattributes"), "hello text filter=x\n")
	withStep(t, dir)
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	home.must(0, dir, words("lock -q"))
	first, plain := read(t, filepath.Join(dir, "selfsame.lock")), home.build(0, dir, "--no-cache")

	config := filepath.Join(t.TempDir(), "config")
	put(t, config, "[core]\n\tautocrlf = true\n\tquotePath = false\n\tpager = false\n[filter \"x\"]\n\tclean = false\n")
	quiet := []string{"SOURCE_DATE_EPOCH=1", "NO_PROXY=*", "USER=mallory", "HOSTNAME=elsewhere",
		"TZ=Asia/Kathmandu", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "BUILDKIT_HOST=unix:///nowhere", "BUILDX_BUILDER=other", "DOCKER_BUILDKIT=0",
		"DOCKER_HOST=unix:///nowhere", "BUILDKIT_SYNTAX=example.com/frontend", "BUILDKIT_PROGRESS=rawjson", "GIT_DIR=/nowhere", "GIT_WORK_TREE=/nowhere", "GIT_INDEX_FILE=/nowhere",
		"GIT_CONFIG_GLOBAL=" + config, "GIT_OBJECT_DIRECTORY=/nowhere", "GIT_CEILING_DIRECTORIES=/", "GODEBUG=netdns=go", "LD_PRELOAD=", "COLUMNS=7"}
	m := home.on(t, append(quiet, "HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1")...)
	m.must(0, dir, words("builders stop")) // so that builders are started in these surroundings too
	old := syscall.Umask(0o77)
	defer syscall.Umask(old)
	other := m.build(0, dir, "--no-cache")
	if other.Digest != plain.Digest {
		t.Errorf("the caller's surroundings reach the image:\n%s\n%s", fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/environment"), other.Digest)
	}
	if err := os.Remove(filepath.Join(dir, "selfsame.lock")); err != nil {
		t.Fatal(err)
	}
	// A proxy is the one part of them that recording does listen to.
	m = home.on(t, quiet...)
	m.must(0, dir, words("builders stop"))
	m.must(0, dir, words("lock -q"))
	if second := read(t, filepath.Join(dir, "selfsame.lock")); second != first {
		t.Errorf("the caller's surroundings reach the lock:\n%s\n%s", first, second)
	}
}

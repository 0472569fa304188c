package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// small mounts a filesystem of so many megabytes, for as long as the test runs.
func small(t *testing.T, megabytes int) string {
	t.Helper()
	building(t)
	dir, err := os.MkdirTemp("", "selfsame-small-") //nolint:usetesting // builders' sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
		_ = os.Remove(dir)
	})
	return dir
}

// smallExt4 is small with another filesystem, in a file.
func smallExt4(t *testing.T, megabytes int) string {
	t.Helper()
	building(t)
	dir, err := os.MkdirTemp("", "selfsame-small-") //nolint:usetesting // builders' sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "disk")
	put(t, image, "")
	if err := os.Truncate(image, int64(megabytes)<<20); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"mkfs.ext4 -q -F " + image, "mount -o loop " + image + " " + dir} {
		if out, err := exec.Command(words(line)[0], words(line)[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v\n%s", line, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v\n%s", err, out)
		}
		_ = os.Remove(dir)
	})
	return dir
}

// TestFullDisk has no room left in the store, on a builder's root, and for the results: each ends in exit 17 with words that say
// which one, and leaves nothing half written. With room it goes on from there.
func TestFullDisk(t *testing.T) {
	home := newMachine(t)
	big := strings.Repeat("0123456789abcdef", 6<<16) // 6 MiB
	up := newUpstream(t, big)

	// A step that shrugs: what it made of our full disk must not become the lock.
	t.Run("store, recording", func(t *testing.T) {
		m := home.on(t)
		store := small(t, 13) // the packed source and the canary take some 4 MiB each, and what is fetched has no room beside them
		dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"+`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
		m.must(17, dir, []string{"lock", "-q", "--store", store}, "A0706", "no space left on device", up.host)
		absent(t, filepath.Join(dir, "selfsame.lock"))
		left(t, store)
		m.must(0, dir, words("lock -q"))
	})
	t.Run("store, source", func(t *testing.T) {
		m := home.on(t)
		store := small(t, 1)
		dir := scratch(t)
		put(t, filepath.Join(dir, "hello"), big)
		m.must(17, dir, []string{"lock", "-q", "--store", store}, "A0706", "no space")
		absent(t, filepath.Join(dir, "selfsame.lock"))
		left(t, store)
	})
	t.Run("store, fetching again", func(t *testing.T) {
		m := home.on(t)
		store := small(t, 1)
		dir := dockerfile(t, "FROM scratch\nADD http://"+up.host+"/file /file\n", up.host)
		m.must(0, dir, words("lock -q"))
		m.must(17, dir, []string{"build", "-q", "--store", store}, "A0706", "no space")
		absent(t, filepath.Join(dir, "selfsame-out", "image"))
		left(t, store)
		m.must(0, dir, words("build -q"))
	})
	t.Run("results", func(t *testing.T) {
		m := home.on(t)
		out := small(t, 3)
		dir := scratch(t)
		put(t, filepath.Join(dir, "hello"), random(6<<20))
		m.must(0, dir, words("lock -q"))
		r := m.must(17, dir, []string{"build", "-q", "--out", out}, "A0706", "no space left on device", out)
		if strings.Contains(r.err, "level=error") {
			t.Errorf("a library's words reached the user:\n%s", r.err)
		}
		if r.out != "" {
			t.Errorf("stdout holds %q", r.out)
		}
		absent(t, filepath.Join(out, "image"))
		if found, _ := filepath.Glob(filepath.Join(out, ".selfsame-work-*")); len(found) > 0 {
			t.Errorf("left behind: %v", found)
		}
	})
	t.Run("a builder's root", func(t *testing.T) {
		m := home.on(t)
		state := smallExt4(t, 160) // builder B may be on a tmpfs, and must not be like A
		dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /\n"+`RUN ["/step", "fill", "/big", "400"]`+"\n"))
		full := m.on(t, "XDG_STATE_HOME="+state)
		defer full.must(0, dir, words("builders stop --remove"))
		m.must(0, dir, words("lock -q"))
		full.must(17, dir, words("build -q"), "A0703", "builder A", "builders stop --remove")
		absent(t, filepath.Join(dir, "selfsame-out", "image"))
		clean(t, dir)
		put(t, filepath.Join(dir, "Dockerfile"), strings.Replace(read(t, filepath.Join(dir, "Dockerfile")), "400", "1", 1))
		m.must(0, dir, words("lock -q"))
		full.must(0, dir, words("builders stop --remove")) // as the help says
		full.must(0, dir, words("build -q"))
	})
}

// left fails for files that a store was in the middle of writing.
func left(t *testing.T, store string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(store, "tmp", "*"))
	if err != nil || len(found) > 0 {
		t.Errorf("left behind: %v, %v", found, err)
	}
}

// random is text that does not compress, the same every time.
func random(n int) string {
	var b strings.Builder
	for x := uint64(1); b.Len() < n; {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%c%c%c%c", byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
	}
	return b.String()
}

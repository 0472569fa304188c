package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// TestRealSuites makes bases from the machine's own mirror, with everything real: signatures, packages, dpkg in a chroot
// without a network.
func TestRealSuites(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short; the real mirror is not asked")
	}
	client := HTTP{&http.Client{Timeout: 5 * time.Minute}}
	ctx := t.Context()
	probing, stop := context.WithTimeout(ctx, 40*time.Second)
	mirrors, err := SystemMirror(probing, client, os.DirFS("/"))
	stop()
	if err != nil {
		t.Skipf("SKIPPED: this machine has no Debian mirror that answers: %v", err)
	}
	for _, spec := range []recipes.Debian{
		{Suite: "trixie", Packages: []string{"curl"}},
		{Suite: "bookworm"},
	} {
		t.Run(spec.Suite, func(t *testing.T) { realSuite(ctx, t, client, mirrors, spec) })
	}
}

func realSuite(ctx context.Context, t *testing.T, client Fetcher, mirrors Mirrors, spec recipes.Debian) {
	store, err := inputs.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	start := time.Now()
	lap := func(what string) { t.Logf("%-40s %6.1f s", what, time.Since(start).Seconds()); start = time.Now() }
	fetched := 0
	o := Options{
		Spec: spec, Step: "debian", Arch: "amd64", Platform: "linux/amd64", Mirrors: mirrors, Keyring: archive.DebianKeyring(), Now: time.Now(),
		OnFetch: func(string, int, int) { fetched++ },
	}
	base, entries, err := Resolve(ctx, client, store, o)
	if err != nil {
		t.Fatal(err)
	}
	var bytes int64
	for _, p := range base.Packages {
		bytes += p.Size
	}
	lap(fmt.Sprintf("resolved %d packages, %.1f MB", len(base.Packages), float64(bytes)/1e6))
	for _, r := range base.Releases {
		t.Logf("%s of %s, valid until %s, keys %s", r.Codename, r.Date, r.ValidUntil, r.Keys)
	}
	if fetched != len(base.Packages) || len(base.Releases) != 3 {
		t.Errorf("told of %d packages, %d releases", fetched, len(base.Releases))
	}
	for try := 1; ; try++ {
		o.Previous = entries
		_, again, err := Resolve(ctx, client, store, o)
		if err == nil && fmt.Sprint(again) == fmt.Sprint(entries) {
			break
		}
		stale := slices.ContainsFunc(diag.All(err), func(d *diag.Diagnostic) bool { return d.Code == codeRollback }) // a mirror's replicas differ
		if err != nil && !stale || try == 10 || err == nil && fmt.Sprint(releases(again)) == fmt.Sprint(releases(entries)) {
			t.Fatalf("resolving again gives another lock: %v", err)
		}
		t.Logf("the mirror has another release now: %v", err)
		if err == nil {
			entries = again
		}
		time.Sleep(2 * time.Second)
	}
	lap("resolved again, all in the store")
	if err := Verify(ctx, store, archive.DebianKeyring(), "amd64", entries); err != nil {
		t.Error(err)
	}
	lap("verified the chain")

	ao := AssembleOptions{Arch: "amd64", Epoch: time.Now(), TempDir: t.TempDir(), CacheDir: t.TempDir()}
	a, err := Assemble(ctx, store, entries, ao)
	if err != nil {
		t.Fatal(err)
	}
	lap(fmt.Sprintf("assembled %.1f MB", float64(layerOf(t, store, a.Rootfs).Size)/1e6))
	b, err := Assemble(ctx, store, entries, ao)
	if err != nil || !b.Cached || b.Rootfs.Digest != a.Rootfs.Digest {
		t.Errorf("not reused: %+v, %v", b, err)
	}
	lap("assembled again, remembered")
	configured(ctx, t, store, spec, a, lap)
}

// configured runs the script twice, in two fresh chroots, and compares what it leaves.
func configured(ctx context.Context, t *testing.T, store *inputs.Store, spec recipes.Debian, a Assembled, lap func(string)) {
	for _, tool := range []string{"unshare", "chroot", "tar"} {
		if _, err := exec.LookPath(tool); err != nil || os.Geteuid() != 0 {
			t.Skipf("SKIPPED the configuring: root and %s are needed", tool)
		}
	}
	if out, err := exec.CommandContext(ctx, "unshare", "--mount", "--net", "--pid", "--fork", "true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED the configuring: namespaces are not allowed here: %s", out)
	}
	script, err := ConfigureScript(spec)
	if err != nil {
		t.Fatal(err)
	}
	debs := unpackLayer(ctx, t, store, a.Debs)
	sums, roots := make([]string, 2), make([]string, 2)
	if spec.Suite == "bookworm" { // that the script is deterministic is shown once
		sums, roots = sums[:1], roots[:1]
	}
	for i := range sums {
		root := unpackLayer(ctx, t, store, a.Rootfs)
		roots[i] = root
		lap("unpacked the layer")
		configureIn(ctx, t, root, debs, script)
		lap("configured")
		checkInstalled(ctx, t, root)
		sums[i] = treeSum(ctx, t, root)
		lap("summed the tree")
	}
	if last := len(sums) - 1; sums[0] != sums[last] {
		t.Errorf("two runs of the script left different trees:\n%s", differences(ctx, roots[0], roots[last]))
	}
}

func layerOf(t *testing.T, store *inputs.Store, image ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	m, err := manifestOf(store, image)
	if err != nil {
		t.Fatal(err)
	}
	return m.Layers[0]
}

func unpackLayer(ctx context.Context, t *testing.T, store *inputs.Store, image ocispec.Descriptor) string {
	t.Helper()
	r, _, err := store.Open(layerOf(t, store, image).Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, "tar", "--numeric-owner", "-xpf", "-", "-C", root)
	c.Stdin = r
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return root
}

// configureIn plays the sealed step: own mounts, processes and an empty network.
func configureIn(ctx context.Context, t *testing.T, root, debs, script string) {
	t.Helper()
	const enter = `set -eu
mount --make-rprivate /
mkdir "$1/debs"; mount --bind "$2/debs" "$1/debs"; mount -o remount,bind,ro "$1/debs"
mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/dev"
for n in null:3 zero:5 full:7 random:8 urandom:9 tty:0; do [ "$n" = tty:0 ] || mknod -m 666 "$1/dev/${n%:*}" c 1 "${n#*:}"; done
mkdir "$1/dev/shm"; ln -s /proc/self/fd "$1/dev/fd"
exec chroot "$1" /usr/bin/env -i SOURCE_DATE_EPOCH=1700000000 /bin/sh -s`
	c := exec.CommandContext(ctx, "unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-c", enter, "sh", root, debs)
	c.Stdin = strings.NewReader(script)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("configuring: %v\n%s", err, tail(out))
	}
	t.Logf("configuring took %.1f s of CPU", (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds())
	if err := os.Remove(filepath.Join(root, "debs")); err != nil {
		t.Error(err)
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

// checkInstalled asks dpkg without trusting the script's own check.
func checkInstalled(ctx context.Context, t *testing.T, root string) {
	t.Helper()
	out, err := exec.CommandContext(ctx, "chroot", root, "dpkg-query", "-W", "-f", "${db:Status-Abbrev}\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := bytes.Count(out, []byte("ii \n"))
	if n < 50 || len(bytes.Fields(out)) != n {
		t.Errorf("%d packages are installed, of %d", n, len(bytes.Fields(out)))
	}
	if out, err := exec.CommandContext(ctx, "chroot", root, "dpkg", "--audit").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("dpkg --audit: %v: %s", err, out)
	}
	for _, gone := range []string{"usr/sbin/policy-rc.d", "var/log/dpkg.log", "etc/passwd-", "tmp/installed"} {
		if _, err := os.Lstat(filepath.Join(root, gone)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind (%v)", gone, err)
		}
	}
	t.Logf("%d packages are ii", n)
}

// treeSum is a digest of everything but times after the epoch.
func treeSum(ctx context.Context, t *testing.T, root string) string {
	t.Helper()
	h := sha256.New()
	c := exec.CommandContext(ctx, "tar", "--sort=name", "--numeric-owner", "--clamp-mtime", "--mtime=@1700000000", "-C", root, "-cf", "-", ".")
	c.Stdout = h
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func differences(ctx context.Context, a, b string) string {
	out, _ := exec.CommandContext(ctx, "diff", "-rq", "--no-dereference", a, b).CombinedOutput()
	return string(tail(out))
}

// releases are the suites' lines of a lock.
func releases(entries []lock.Entry) []lock.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e lock.Entry) bool { return e.Kind != lock.KindRelease })
}

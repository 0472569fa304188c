package reproducibility

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// marker is a program that writes which platform it runs on.
const marker = `package main

import (
	"os"
	"runtime"
)

func main() {
	if err := os.WriteFile("/made-on", []byte(runtime.GOARCH+"\n"), 0o644); err != nil {
		panic(err)
	}
}
`

// TestPlatforms builds one image for two platforms, whose steps run natively and in an emulator, on both builders, and B's under its
// tracer. One index names both manifests; each has evidence; --platform narrows.
func TestPlatforms(t *testing.T) {
	m := onMachine(t, "first")
	if out := m.must(0, ".", "doctor", "--json").out; !strings.Contains(out, "linux/arm64") {
		t.Skip("SKIPPED: this machine cannot run arm64 programs: apt-get install qemu-user-static binfmt-support")
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"main.go": marker,
		"recipe.yaml": "recipe: v1\nname: platforms\nplatforms: [linux/amd64, linux/arm64]\nsource: {path: .}\nepoch: 1760000000\n" +
			"build: {dockerfile: Dockerfile}\n",
		"Dockerfile": "FROM --platform=$BUILDPLATFORM scratch AS cross\nARG BUILDARCH\nCOPY $BUILDARCH/mark /mark\nRUN [\"/mark\"]\n" +
			"FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH/mark /mark\nCOPY --from=cross /made-on /cross-made-on\nRUN [\"/mark\"]\n",
	})
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, arch, "mark"), filepath.Join(dir, "main.go"))
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	m.must(0, dir, "lock", "-q")
	m.must(0, dir, "key", "new", "--out", filepath.Join(m.home, "platforms"))
	both := m.build(0, dir, "--key", filepath.Join(m.home, "platforms.key"))
	if len(both.Platforms) != 2 || both.Platforms["linux/amd64"] == both.Platforms["linux/arm64"] {
		t.Fatalf("platforms %v", both.Platforms)
	}
	m.must(0, dir, "verify", "selfsame-out/image", "--key", filepath.Join(m.home, "platforms.pub"))
	for _, axis := range []string{"clock calls", "kernel name", "CPU count", "directory order"} { // as steps in the emulator see them too
		if runtime.NumCPU() > 1 && !slices.Contains(both.Axes, axis) {
			t.Errorf("axes %q, want %q among them", both.Axes, axis)
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		layers := layersOf(t, filepath.Join(dir, "selfsame-out", "image"), both.Platforms["linux/"+arch])
		for name, want := range map[string]string{"made-on": arch, "cross-made-on": "amd64"} {
			layer := layers[len(layers)-1]
			if name == "cross-made-on" {
				layer = layers[len(layers)-2]
			}
			if out, err := exec.Command("tar", "--zstd", "-xOf", layer, name).CombinedOutput(); err != nil || string(out) != want+"\n" {
				t.Errorf("%s: %s says %q (%v)", arch, name, out, err)
			}
		}
	}
	one := m.build(0, dir, "--platform", "linux/arm64")
	if len(one.Platforms) != 1 || one.Platforms["linux/arm64"] != both.Platforms["linux/arm64"] {
		t.Errorf("narrowed to %v, want the same arm64 manifest as in %v", one.Platforms, both.Platforms)
	}
}

// TestPlatformThatNothingRuns is refused, with its name and help, before a base is built or fetched for any platform.
func TestPlatformThatNothingRuns(t *testing.T) {
	m := onMachine(t, "without-emulator")
	withoutEmulator(t, "s390x")
	for name, text := range map[string]string{
		"a base": "FROM debian:trixie\nCOPY Dockerfile /\n", "a step": "FROM scratch\nCOPY Dockerfile /\nRUN [\"/Dockerfile\"]\n",
	} {
		recipe := "recipe: v1\nname: nowhere\nplatforms: [linux/amd64, linux/s390x]\nepoch: 1760000000\nbuild:\n  dockerfile: Dockerfile\n"
		if name == "a base" {
			recipe += "  contexts: {debian:trixie: {debian: {suite: trixie}}}\n"
		}
		dir := t.TempDir()
		write(t, dir, map[string]string{"recipe.yaml": recipe, "Dockerfile": text})
		r := m.must(17, dir, "lock")
		if !strings.Contains(r.err, "A0324") || !strings.Contains(r.err, "`linux/s390x`") || !strings.Contains(r.err, "qemu-user-static") {
			t.Errorf("%s: %s", name, r.err)
		}
		if strings.Contains(r.err, "packages (") || strings.Contains(r.err, "building the base") {
			t.Errorf("%s: work was done first:\n%s", name, r.err)
		}
	}
}

// withoutEmulator switches the machine's emulator for a CPU off for the length of a test, if it has one that is on.
func withoutEmulator(t *testing.T, arch string) {
	t.Helper()
	path := "/proc/sys/fs/binfmt_misc/qemu-" + arch
	if state, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(state), "enabled") {
		return
	}
	if err := os.WriteFile(path, []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, []byte("1"), 0o644); err != nil {
			t.Error(err)
		}
	})
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// layersOf are the paths of an image's layers, lowest first.
func layersOf(t *testing.T, layout, manifest string) []string {
	t.Helper()
	path := func(digest string) string {
		return filepath.Join(layout, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
	}
	data, err := os.ReadFile(path(manifest))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Layers []struct {
			Digest string `json:"digest"`
		} `json:"layers"`
	}
	if err := json.Unmarshal(data, &m); err != nil || len(m.Layers) == 0 {
		t.Fatalf("manifest %s has %d layers (%v)", manifest, len(m.Layers), err)
	}
	var paths []string
	for _, l := range m.Layers {
		paths = append(paths, path(l.Digest))
	}
	return paths
}

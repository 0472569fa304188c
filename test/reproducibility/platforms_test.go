package reproducibility

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
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
		"Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH/mark /mark\nRUN [\"/mark\"]\n",
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
	for _, arch := range []string{"amd64", "arm64"} {
		layer := lastLayer(t, filepath.Join(dir, "selfsame-out", "image"), both.Platforms["linux/"+arch])
		if out, err := exec.Command("tar", "--zstd", "-xOf", layer, "made-on").CombinedOutput(); err != nil || string(out) != arch+"\n" {
			t.Errorf("the step for %s ran on %q (%v)", arch, out, err)
		}
	}
	one := m.build(0, dir, "--platform", "linux/arm64")
	if len(one.Platforms) != 1 || one.Platforms["linux/arm64"] != both.Platforms["linux/arm64"] {
		t.Errorf("narrowed to %v, want the same arm64 manifest as in %v", one.Platforms, both.Platforms)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// lastLayer is the path of an image's uppermost layer.
func lastLayer(t *testing.T, layout, manifest string) string {
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
	return path(m.Layers[len(m.Layers)-1].Digest)
}

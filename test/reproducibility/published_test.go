package reproducibility

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// TestPublished pushes one image, with its evidence and its seal, to the registry that we ship and to the one that most others are made
// from. There our verify and stock cosign accept it, index and platform manifest alike, and a machine that has nothing but the
// registry builds it again.
func TestPublished(t *testing.T) {
	m := onMachine(t, "first")
	registries := map[string]string{"embedded": embedded(t, m), "distribution": fixture.Distribution(t)}
	dir := filepath.Join(t.TempDir(), "published")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{
		"recipe.yaml": "recipe: v1\nname: published\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1760000000\nbuild: {dockerfile: Dockerfile}\n",
		"Dockerfile":  "FROM scratch\nCOPY hello /\n", "hello": "world\n", ".dockerignore": "*.key\n*.pub\n",
	})
	m.must(0, dir, "key", "new", "--out", "release")
	m.must(0, dir, "lock", "-q")
	pub := filepath.Join(dir, "release.pub")
	for name, host := range registries {
		t.Run(name, func(t *testing.T) {
			m := m.on(t)
			res := m.build(0, dir, "--key", "release.key", "--push="+host+"/team/hello:v1", "--seal", "same")
			repository, index, _ := strings.Cut(res.Reference, "@")
			m.must(0, dir, "verify", host+"/team/hello:v1", "--key", pub)
			for _, digest := range []string{index, res.Platforms["linux/amd64"]} {
				if out, err := cosign(t, pub, repository+"@"+digest); err != nil {
					t.Errorf("stock cosign refuses %s: %v\n%s", digest, err, out)
				}
			}
			m.must(0, dir, "key", "new", "--out", name)
			if out, err := cosign(t, filepath.Join(dir, name+".pub"), res.Reference); err == nil {
				t.Errorf("stock cosign accepts another key:\n%s", out)
			}
			other := onMachine(t, "with nothing but the registry")
			again := other.build(0, t.TempDir(), "--from", res.Reference, "--from-key", pub)
			if again.Digest != index {
				t.Errorf("built again from the registry: %s, want %s", again.Digest, index)
			}
		})
	}
}

func cosign(t *testing.T, key, ref string) (string, error) {
	t.Helper()
	cmd := exec.Command(fixture.Tool(t, "cosign"), "verify-attestation", "--key", key, "--insecure-ignore-tlog", "--allow-insecure-registry",
		"--type", "slsaprovenance1", ref)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// embedded serves the registry that we ship.
func embedded(t *testing.T, m *machine) string {
	t.Helper()
	cmd := m.command(t.TempDir(), "registry", "serve")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the registry says no address: %v", err)
	}
	return strings.TrimSpace(line)
}

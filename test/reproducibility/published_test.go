package reproducibility

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tool is a program that `make test` has built: the variable names it.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("SKIPPED: %s is not set; `make test` sets it", variable)
	}
	return path
}

// TestPublished pushes one image, with its evidence and its seal, to the registry that we ship and to the one that most others are made
// from. There our verify and stock cosign accept it, index and platform manifest alike, and a machine that has nothing but the
// registry builds it again.
func TestPublished(t *testing.T) {
	m := onMachine(t, "first")
	registries := map[string]string{"embedded": embedded(t, m), "distribution": distribution(t)}
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
			m := &machine{t: t, self: m.self, home: m.home}
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
	cmd := exec.Command(tool(t, "SELFSAME_COSIGN"), "verify-attestation", "--key", key, "--insecure-ignore-tlog", "--allow-insecure-registry",
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

// distribution serves the registry that most others are made from.
func distribution(t *testing.T) string {
	t.Helper()
	binary := tool(t, "SELFSAME_REGISTRY")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	yaml := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: %s}\n", dir, host)
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		if resp, err := http.Get("http://" + host + "/v2/"); err == nil {
			resp.Body.Close()
			return host
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("distribution's registry does not answer")
	return ""
}

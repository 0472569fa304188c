package reproducibility

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBuilderBySSH has builder B on a machine that is reached by ssh: here this one, with an sshd and a buildkitd of its own. A step
// that fetches gets its sealed bytes through the tunnel. One daemon by two ways is refused as both twins.
func TestBuilderBySSH(t *testing.T) {
	m := onMachine(t, "first")
	port := sshd(t, m)
	socket := stockBuilder(t)
	dir := clone(t, "../../examples/broken")
	write(t, dir, map[string]string{"Dockerfile": "FROM debian:trixie AS tools\n" +
		"RUN apt-get update && cp /var/lib/apt/lists/*trixie_InRelease /seen\nFROM scratch\nCOPY --from=tools /seen /\n"})
	m.must(0, dir, "lock", "--progress", "plain")
	b := fmt.Sprintf("ssh://127.0.0.1:%s%s", port, socket)
	res := m.build(0, dir, "--builder-b", b)
	if !res.Reproducible || !slices.Contains(res.Axes, "host name") || slices.Contains(res.Axes, "clock calls") {
		t.Errorf("reproducible %v, axes %v", res.Reproducible, res.Axes)
	}
	if r := m.run(dir, "build", "-q", "--builder-a", "unix://"+socket, "--builder-b", b); r.code != 17 || !strings.Contains(r.err, "A0322") {
		t.Errorf("one daemon as both: exit %d\n%s", r.code, r.err)
	}
	if r := m.run(dir, "build", "-q", "--builder-b", "ssh://127.0.0.1:1/s"); r.code != 17 || !strings.Contains(r.err, "ssh") {
		t.Errorf("nobody there: exit %d\n%s", r.code, r.err)
	}
	if r := m.run(dir, "build", "-q", "--builder-b", "docker-container://x"); r.code != 10 || !strings.Contains(r.err, "A0323") {
		t.Errorf("a builder in a container: exit %d\n%s", r.code, r.err)
	}
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

// sshd serves this machine to this test, with host key, user key and known hosts of its own, which the `ssh` that m finds uses.
func sshd(t *testing.T, m *machine) string {
	t.Helper()
	const server = "/usr/sbin/sshd"
	if _, err := os.Stat(server); err != nil {
		t.Skip("SKIPPED: sshd is not installed: run make deps")
	}
	dir := t.TempDir()
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{
		"sshd_config": fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/user.pub\nPidFile none\nStrictModes no\n"+
			"UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n", port, dir),
		"known_hosts": fmt.Sprintf("[127.0.0.1]:%s %s", port, read(t, filepath.Join(dir, "host.pub"))),
		"ssh_config":  fmt.Sprintf("UserKnownHostsFile %[1]s/known_hosts\nStrictHostKeyChecking yes\nIdentityFile %[1]s/user\nIdentitiesOnly yes\n", dir),
		"bin/ssh":     fmt.Sprintf("#!/bin/sh\nexec /usr/bin/ssh -F %s/ssh_config \"$@\"\n", dir),
	})
	if err := os.Chmod(filepath.Join(bin, "ssh"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	m.env = append(m.env, "PATH="+bin+":"+os.Getenv("PATH"))
	for range 100 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return port
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("sshd does not answer")
	return ""
}

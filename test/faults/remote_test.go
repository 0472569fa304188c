package faults

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// background runs a command until the test ends.
func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait()
	})
}

// sshd is a real ssh server on loopback with keys, users and settings of its own, and an `ssh` that knows it.
type sshd struct {
	port   string
	bin    string // a folder for PATH
	dir    string
	daemon string
}

func newSSHD(t *testing.T, m *machine) *sshd {
	t.Helper()
	s := &sshd{dir: filepath.Join(m.home, "ssh"), daemon: "/usr/sbin/sshd"}
	for _, p := range []string{s.daemon, "/usr/bin/ssh", "/usr/bin/ssh-keygen"} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("SKIPPED: %s is not there: run make deps", p)
		}
	}
	s.bin = filepath.Join(s.dir, "bin")
	for _, dir := range []string{s.bin, "/run/sshd"} { // sshd gives up its rights in the latter
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	put(t, filepath.Join(s.dir, "authorized"), read(t, filepath.Join(s.dir, "user.pub")))
	put(t, filepath.Join(s.bin, "ssh"), "#!/bin/sh\nexec /usr/bin/ssh -F "+s.dir+"/config \"$@\"\n")
	if err := os.Chmod(filepath.Join(s.bin, "ssh"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.dir, "config"), fmt.Sprintf(
		"IdentityFile %[1]s/user\nIdentitiesOnly yes\nUserKnownHostsFile %[1]s/known\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking no\n", s.dir))
	s.port = s.serve(t, "")
	s.trust(t, s.port, "host.pub")
	return s
}

// serve starts a server with extra settings and gives its port.
func (s *sshd) serve(t *testing.T, extra string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	_ = ln.Close()
	config := filepath.Join(s.dir, "sshd."+port)
	put(t, config, fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/authorized\nPidFile none\n"+
		"PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n%[3]s", port, s.dir, extra))
	cmd := exec.Command(s.daemon, "-D", "-f", config, "-E", config+".log")
	background(t, cmd)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			return port
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not answer:\n%s", read(t, config+".log"))
		}
	}
}

// trust makes a host known by a key.
func (s *sshd) trust(t *testing.T, port, key string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "known"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "[127.0.0.1]:%s %s", port, read(t, filepath.Join(s.dir, key))); err != nil {
		t.Fatal(err)
	}
}

func (s *sshd) address(port, socket string) string { return "ssh://root@127.0.0.1:" + port + socket }

// TestBuilderBySSH builds with B behind a real ssh server, whose steps get sealed inputs by the way back, and goes through what can be
// wrong with such a builder.
func TestBuilderBySSH(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	s := newSSHD(t, m)
	far := strings.TrimPrefix(m.foreign("--proxy-network", "--allow-insecure-entitlement", "network.host"), "unix://")
	m = m.on(t, "PATH="+s.bin+":"+os.Getenv("PATH"))
	u := newUpstream(t, "sealed\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step wait /\nRUN [\"/step\", \"get\", \"http://"+u.host+"/x\", \"/x\"]\nRUN [\"/step\", \"wait\", \"/wait\", \"tunnelled\"]\n", u.host))
	put(t, filepath.Join(dir, "wait"), "0")
	m.must(0, dir, words("lock -q"))
	u.stop() // from here on the inputs come through the tunnel or not at all
	ssh := s.address(s.port, far)

	res := m.build(0, dir, "--builder-b", ssh)
	if !res.Reproducible {
		t.Errorf("the build: %+v", res)
	}
	for name, c := range map[string]struct {
		code int
		args []string
		says []string
	}{
		"one daemon by two ways":      {17, []string{"--builder-a", "unix://" + far, "--builder-b", ssh}, []string{"A0322"}},
		"a socket where nobody is":    {17, []string{"--builder-b", s.address(s.port, "/run/nobody.sock")}, []string{"A0325", "no builder answers"}},
		"a host whose key is unknown": {17, []string{"--builder-b", s.address(s.serve(t, ""), far)}, []string{"A0325", "Host key verification failed"}},
		"a port where nobody is":      {17, []string{"--builder-b", s.address("1", far)}, []string{"A0325", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			m.on(t, m.env...).must(c.code, dir, append(words("build -q"), c.args...), c.says...)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %s to say so", took)
			}
		})
	}
	t.Run("no way back", func(t *testing.T) {
		port := s.serve(t, "AllowTcpForwarding local\n")
		s.trust(t, port, "host.pub")
		m.on(t, m.env...).must(17, dir, append(words("build -q --builder-b"), s.address(port, far)), "A0325", "remote port forwarding failed")
	})
	t.Run("the tunnel is cut", func(t *testing.T) {
		put(t, filepath.Join(dir, "wait"), "60")
		cmd := m.command(dir, "build", "--progress", "plain", "--builder-b", ssh)
		go func() {
			for range 600 { // once the step sleeps on B too
				time.Sleep(100 * time.Millisecond)
				if tunnels := running("-L "); len(tunnels) > 0 && len(running("/step wait /wait tunnelled")) > 1 {
					for _, line := range tunnels {
						var pid int
						if _, err := fmt.Sscan(line, &pid); err == nil && strings.Contains(line, far) {
							_ = syscall.Kill(pid, syscall.SIGKILL)
						}
					}
					return
				}
			}
		}()
		start := time.Now()
		finish(t, cmd).check(t, "the build", 17, "builder B")
		if took := time.Since(start); took > 45*time.Second {
			t.Errorf("it took %s to notice", took)
		}
	})
	if left := gone(far+" -R", 5*time.Second); len(left) > 0 {
		t.Errorf("tunnels outlived their builds: %q", left)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "selfsame-ssh-*")); len(left) > 0 {
		t.Errorf("tunnels left %q behind", left)
	}
}

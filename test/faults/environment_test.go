package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// path makes a folder of links to programs, for a PATH with nothing else.
func path(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		p, err := exec.LookPath(n)
		if err != nil {
			t.Skipf("%s is not installed", n)
		}
		if err := os.Symlink(p, filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWithoutGit has no git in PATH: a number as epoch works, the commit's time cannot be known.
func TestWithoutGit(t *testing.T) {
	home := newMachine(t)
	m := home.on(t, "PATH="+path(t, "runc"))
	dir := scratch(t)
	m.must(0, dir, words("lock -q"))
	m.must(0, dir, words("build -q"))
	put(t, filepath.Join(dir, "recipe.yaml"), "recipe: v1\nname: x\nplatforms: [linux/amd64]\nepoch: source\nbuild: {dockerfile: Dockerfile}\n")
	put(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY hello /\n")
	m.must(10, dir, words("lock -q"), "A0311", "recipe.yaml:4", "epoch: 1700000000")
	m.must(10, dir, words("build -q"), "A0311")
}

// TestWithoutRunc hides each program that builders consist of.
func TestWithoutRunc(t *testing.T) {
	self := program(t)
	building(t)
	if exists("/usr/sbin/runc") || exists("/sbin/runc") || exists("/usr/local/sbin/runc") {
		hideRunc(t)
		return
	}
	missingRunc(t, self, nil)
}

func missingRunc(t *testing.T, self string, wrap func(*exec.Cmd)) {
	t.Helper()
	m := &machine{t: t, self: self, home: t.TempDir(), env: []string{"PATH=" + t.TempDir()}}
	dir := scratch(t)
	for _, verb := range []string{"build", "lock", "doctor"} {
		cmd := m.command(dir, verb)
		if wrap != nil {
			wrap(cmd)
		}
		r := finish(t, cmd)
		if r.code != 17 || !contains(r.err+r.out, "runc") || !contains(r.err+r.out, "apt-get install runc") && verb != "doctor" {
			t.Errorf("%s: exit %d, want 17 and help\n%s%s", verb, r.code, r.err, r.out)
		}
	}
}

// hideRunc mounts an empty file over every runc, in a mount namespace of its own.
func hideRunc(t *testing.T) {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("unshare is not installed: run make deps")
	}
	script := `for f in /usr/sbin/runc /sbin/runc /usr/local/sbin/runc; do [ -e "$f" ] && mount --bind /dev/null "$f"; done; exec "$@"`
	missingRunc(t, program(t), func(cmd *exec.Cmd) {
		sh, _ := exec.LookPath("sh")
		cmd.Args = append([]string{unshare, "--mount", sh, "-c", "PATH=/usr/bin:/bin; " + script, "sh"}, cmd.Args...)
		cmd.Path = unshare
	})
}

// TestWithoutRoot runs as nobody, who has no ids to map: what builds says what it needs, what does not build works.
func TestWithoutRoot(t *testing.T) {
	self := program(t)
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	home, err := os.MkdirTemp("", "selfsame-nobody-") //nolint:usetesting // nobody may not enter t.TempDir's parent
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	bin := filepath.Join(home, "selfsame") // where nobody may run it
	put(t, filepath.Join(home, "p", "recipe.yaml"), scratchRecipe)
	put(t, filepath.Join(home, "p", "hello"), "x")
	for _, part := range []string{"", "-all"} {
		data, err := os.ReadFile(self + part)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(bin+part, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{home, filepath.Join(home, "p")} {
		if err := os.Chown(p, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	m := &machine{t: t, self: bin, home: home}
	needs := "usermod --add-subuids"
	if _, err := exec.LookPath("newuidmap"); err != nil {
		needs = "apt-get install uidmap"
	} else if !allowsNamespaces() {
		needs = "user namespaces"
	}
	for args, code := range map[string]int{"lock": 17, "build": 17, "doctor": 17, "check": 0, "version": 0, "schema recipe": 0, "key new --out k": 0, "builders ls": 0, "lock --check": 11} {
		cmd := m.command(filepath.Join(home, "p"), words(args)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		r := finish(t, cmd)
		r.check(t, args, code)
		if (args == "lock" || args == "build") && (!contains(r.err, "A0705") || !contains(r.err, "sudo") || !contains(r.err, needs)) {
			t.Errorf("%s does not say what it needs:\n%s", args, r.err)
		}
		if args == "doctor" && !contains(r.out, needs) {
			t.Errorf("doctor does not say what is missing:\n%s", r.out)
		}
	}
}

// foreign starts a daemon of the test's own and gives its address.
func (m *machine) foreign(flags ...string) string {
	m.t.Helper()
	return foreign(m.t, filepath.Join(filepath.Dir(m.self), "buildkitd"), flags...)
}

func foreign(t *testing.T, program string, flags ...string) string {
	t.Helper()
	root := t.TempDir()
	socket := filepath.Join(root, "sock")
	cmd := exec.Command(program, append([]string{"--root", filepath.Join(root, "root"),
		"--addr", "unix://" + socket, "--containerd-worker=false", "--oci-worker-snapshotter=native", "--oci-worker-net=host",
		"--otel-socket-path", filepath.Join(root, "otel")}, flags...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); !exists(socket); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the daemon does not listen")
		}
	}
	return "unix://" + socket
}

// TestForeignBuilder gives as builder B daemons that may not give steps the proxy, and ones that are not there. Either the build is
// sealed all the same (upstream is not asked) or it says what the daemon lacks.
func TestForeignBuilder(t *testing.T) {
	t.Parallel()
	home := newMachine(t)
	up := newUpstream(t, "from the network\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"+
		`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
	home.must(0, dir, words("lock -q"))
	asked := up.asked()
	for name, flags := range map[string][]string{
		"neither":                  nil,
		"proxy only by our asking": {"--allow-insecure-entitlement", "network.host"},
		"no entitlement":           {"--proxy-network"},
		"as it should be":          {"--proxy-network", "--allow-insecure-entitlement", "network.host"},
	} {
		t.Run(name, func(t *testing.T) {
			m := home.on(t)
			address := m.foreign(flags...)
			if open := flags == nil || len(flags) == 1; !open {
				m.must(0, dir, []string{"build", "-q", "--builder-b", address})
				if got := fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/one"); got != "200 from the network\n" {
					t.Errorf("the image's file holds %q", got)
				}
				return
			}
			r := m.must(17, dir, []string{"build", "-q", "--builder-b", address}, "builder B", "--proxy-network")
			if r.out != "" {
				t.Errorf("stdout holds %q", r.out)
			}
			absent(t, filepath.Join(dir, "selfsame-out", "image"))
			clean(t, dir)
		})
		if err := os.RemoveAll(filepath.Join(dir, "selfsame-out")); err != nil {
			t.Fatal(err)
		}
	}
	if n := up.asked() - asked; n != 0 {
		t.Errorf("upstream was asked %d times while building", n)
	}
	t.Run("addresses", func(t *testing.T) {
		m := home.on(t)
		m.must(17, dir, []string{"build", "-q", "--builder-b", "unix:///no/such/socket"}, "/no/such/socket")
		m.must(10, dir, []string{"build", "-q", "--builder-b", "docker-container://x"}, "A0323")
		m.must(10, dir, []string{"build", "-q", "--builder-b", "sock"}, "A0323")
		address := m.foreign("--proxy-network", "--allow-insecure-entitlement", "network.host")
		m.must(17, dir, []string{"build", "-q", "--builder-a", address, "--builder-b", address}, "A0322")
	})
}

// TestOldBuildKit builds with a daemon from before the proxy network. It would give a step with network "host" the real one,
// so it must refuse the step (DESIGN §11 "Fail closed on the network").
func TestOldBuildKit(t *testing.T) {
	t.Parallel()
	home := newMachine(t)
	address := foreign(t, fixture.Tool(t, "old-buildkitd"), "--allow-insecure-entitlement", "network.host")
	up := newUpstream(t, "from the network\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"+
		`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
	home.must(0, dir, words("lock -q"))
	asked := up.asked()
	for _, flag := range []string{"--builder-a", "--builder-b"} {
		t.Run(flag, func(t *testing.T) {
			m := home.on(t)
			r := m.must(17, dir, []string{"build", "-q", flag, address}, "builder "+strings.ToUpper(flag[len(flag)-1:]), "older", "v0.34")
			if r.out != "" {
				t.Errorf("stdout holds %q", r.out)
			}
			absent(t, filepath.Join(dir, "selfsame-out", "image"))
			clean(t, dir)
		})
	}
	if n := up.asked() - asked; n != 0 {
		t.Errorf("upstream was asked %d times while building", n)
	}
}

package faults

import (
	"encoding/json"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/selfsame-build/selfsame/report"
)

// normal is a machine as a normal user has it: selfsame without root.
type normal struct {
	machine
	uid, gid uint32
}

// newNormal makes a user with a home, ids and the programs, which all end with the test.
func newNormal(t *testing.T) *normal {
	t.Helper()
	self := program(t)
	building(t)
	for _, p := range []string{"useradd", "userdel", "newuidmap", "nsenter"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: run make deps", p)
		}
	}
	if !allowsNamespaces() {
		t.Skip("this machine does not allow normal users to make user namespaces")
	}
	home, err := os.MkdirTemp("", "selfsame-user-") //nolint:usetesting // the user may not enter t.TempDir's parent
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	name := "selfsame" + strconv.Itoa(os.Getpid())
	must(t, "useradd", "--no-create-home", "--home-dir", home, "--user-group", name)
	t.Cleanup(func() { must(t, "userdel", name) })
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	bin := filepath.Join(home, "bin") // the user may not enter the tree that is tested
	must(t, "mkdir", bin)
	for _, p := range []string{"selfsame", "selfsame-all", "selfsame-vary", "buildkitd"} {
		must(t, "cp", filepath.Join(filepath.Dir(self), p), bin)
	}
	must(t, "chmod", "-R", "a+rX", home)
	must(t, "chown", name+":", home)
	n := &normal{machine{t: t, self: filepath.Join(bin, "selfsame"), home: home}, uint32(uid), uint32(gid)}
	t.Cleanup(func() {
		n.must(0, home, words("builders stop --remove"))
		for _, p := range n.processes() {
			t.Errorf("process %s outlived its builder", p)
		}
	})
	return n
}

func must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// allowsNamespaces asks the kernel's switches, not the program under test.
func allowsNamespaces() bool {
	for name, no := range map[string]string{"user/max_user_namespaces": "0", "kernel/unprivileged_userns_clone": "0", "kernel/apparmor_restrict_unprivileged_userns": "1"} {
		if data, err := os.ReadFile("/proc/sys/" + name); err == nil && strings.TrimSpace(string(data)) == no {
			return false
		}
	}
	return exists("/proc/self/ns/user")
}

func (n *normal) must(code int, dir string, args []string, words ...string) result {
	n.t.Helper()
	cmd := n.command(dir, args...)
	cmd.Env = append(cmd.Env, "HOME="+n.home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: n.uid, Gid: n.gid}}
	r := finish(n.t, cmd)
	r.check(n.t, "selfsame "+strings.Join(args, " "), code, words...)
	return r
}

// TestRootless locks and builds as a normal user: the image is the one that root makes, all surroundings are varied, and what was written
// belongs to the user.
func TestRootless(t *testing.T) {
	n := newNormal(t)
	up := newUpstream(t, "one\n")
	text := "FROM scratch\nCOPY step /\nCOPY folder /folder\n" + `RUN ["/step", "get", "http://` + up.host + `/one", "/one"]` + "\n" +
		`RUN ["/step", "renew", "/folder"]` + "\n"
	asRoot := withStep(t, dockerfile(t, text, up.host))
	put(t, filepath.Join(asRoot, "folder", "sub", "old"), "old\n")
	dir := filepath.Join(n.home, "project")
	must(t, "cp", "-r", asRoot, dir)
	must(t, "chown", "-R", strconv.Itoa(int(n.uid))+":"+strconv.Itoa(int(n.gid)), dir)

	doctor := n.must(0, dir, words("doctor"))
	if !contains(doctor.out, "rootless: user "+strconv.Itoa(int(n.uid))) {
		t.Errorf("doctor does not say who builds:\n%s", doctor.out)
	}
	n.must(0, dir, words("lock"))
	foreign := filepath.Join(n.home, "foreign")
	must(t, "mkdir", foreign) // root's, as a store that another user made is
	n.must(17, dir, []string{"build", "-q", "--store", foreign}, "A0705", foreign, "permission denied", "--store")
	n.must(0, dir, words("key new --out ../k"))
	var res report.Result
	if err := json.Unmarshal([]byte(n.must(0, dir, words("build --json -q --key ../k.key")).out), &res); err != nil {
		t.Fatal(err)
	}
	for _, axis := range []string{"clock calls", "kernel name", "/proc/cpuinfo", "host name", "start time"} {
		if !slices.Contains(res.Axes, axis) {
			t.Errorf("axes %v lack %s", res.Axes, axis)
		}
	}
	n.must(0, dir, words("verify selfsame-out/image --key ../k.pub"))
	for _, f := range []string{"selfsame.lock", "selfsame-out/image/index.json"} {
		if st, err := os.Stat(filepath.Join(dir, f)); err != nil || st.Sys().(*syscall.Stat_t).Uid != n.uid {
			t.Errorf("%s does not belong to the user: %v", f, err)
		}
	}

	m := newMachine(t)
	must(t, "cp", filepath.Join(dir, "selfsame.lock"), asRoot)
	must(t, "cp", "-r", filepath.Join(n.home, "cache"), m.home)
	if theirs := m.build(0, asRoot); theirs.Digest != res.Digest || res.Digest == "" {
		t.Errorf("built without root: %s, as root: %s", res.Digest, theirs.Digest)
	}
}

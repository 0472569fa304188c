package belt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/test/containerd"
)

// programs skips a test that needs root and some programs of Debian's.
func programs(t *testing.T, names ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: starts containers; not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: no container was started, for that takes root")
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("SKIPPED: %s is not here, so the belt was not tried with it; tools/deps installs it", name)
		}
	}
}

// hub is a registry with two images: team/good:v1 and team/evil:v1.
type hub struct {
	host       string
	good, evil *containerd.Image
}

func newHub(t *testing.T) hub {
	t.Helper()
	s, err := local.Serve(t.Context(), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := hub{s.Host, containerd.NewImage(t, "good"), containerd.NewImage(t, "evil")}
	for name, i := range map[string]*containerd.Image{"team/good": h.good, "team/evil": h.evil} {
		if err := i.Push(t.Context(), h.host, name, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// client runs one command of podman's or Docker's.
type client func(args ...string) (string, error)

// started says that a container of an image started; denied that none did, and that the client was told why.
func (c client) started(t *testing.T, what string, args ...string) {
	t.Helper()
	if out, err := c(args...); err != nil {
		t.Errorf("%s: %v\n%s", what, err, out)
	}
}

// works skips a test where no container starts without the belt either.
func (c client) works(t *testing.T, args ...string) {
	t.Helper()
	if out, err := c(args...); err != nil {
		t.Skipf("SKIPPED: no container starts here, with or without the belt: %v\n%s", err, out)
	}
}

func (c client) denied(t *testing.T, what, want string, args ...string) {
	t.Helper()
	if out, err := c(args...); err == nil || !strings.Contains(out, want) {
		t.Errorf("%s: want %q, have %v\n%s", what, want, err, out)
	}
}

func (c client) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c(args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

// podman is one with folders of its own, whose runtime is the wrapper. Its locks are files: those in shared memory are one set for all
// podmans of the machine, and one that finds new folders frees them all.
func podman(t *testing.T, dir, runtime string) client {
	t.Helper()
	base := []string{"--root", dir + "/storage", "--runroot", dir + "/run", "--tmpdir", dir + "/tmp", "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"}
	config := "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n[engine]\nevents_logger = \"file\"\nlock_type = \"file\"\nruntime = \"selfsame\"\n[engine.runtimes]\nselfsame = [\"" + runtime + "\"]\n"
	if err := os.WriteFile(dir+"/containers.conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(func(args ...string) (string, error) {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "podman", append(base, args...)...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+dir+"/containers.conf")
		out, err := cmd.CombinedOutput()
		return string(out), err
	})
	t.Cleanup(func() {
		out, err := c("rm", "--all", "--force", "--time", "0")
		for n := 0; n < 10 && err != nil; n++ { // podman's own clean-up may be at the same container still
			time.Sleep(200 * time.Millisecond)
			out, err = c("rm", "--all", "--force", "--time", "0")
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		dispose(t, dir)
		removeCgroups(cgroup())
	})
	return c
}

// dispose removes podman's storage in dir, which is mounted onto itself. What podman starts to clean up after a container goes on when the container
// is gone, and mounts it again.
func dispose(t *testing.T, dir string) {
	t.Helper()
	err := errors.New("podman still runs there")
	for range 100 {
		if !inUse(dir) {
			_ = exec.Command("umount", "--recursive", dir+"/storage/overlay").Run()
			if err = os.RemoveAll(dir + "/storage"); err == nil {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("what is left of podman: %v", err)
}

// inUse says whether the arguments of any program name a folder.
func inUse(dir string) bool {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.ContainsFunc(all, func(path string) bool {
		args, err := os.ReadFile(path)
		return err == nil && bytes.Contains(args, []byte(dir))
	})
}

// TestPodman: podman's containers are judged by what podman hashed when it pulled, whatever they are called.
func TestPodman(t *testing.T) {
	programs(t, "podman", "runc")
	dir, path, h := t.TempDir(), wrapper(t), newHub(t)
	socket := serve(t, asker{h.host + "/team/good@" + h.good.Index.String(): true})
	runc, _ := exec.LookPath("runc")
	set := map[string]any{"runtime": runc, "socket": socket, "podman": dir + "/storage"}
	settings(t, path, set)
	p := podman(t, dir, path)
	good, evil := h.host+"/team/good:v1", h.host+"/team/evil:v1"
	p.must(t, "pull", "--tls-verify=false", good)
	p.must(t, "pull", "--tls-verify=false", evil)
	run := func(args ...string) []string {
		return append([]string{"run", "--detach", "--network", "none", "--cgroup-parent", cgroup()}, args...)
	}
	const unsigned = "signed: nobody signed it"

	p.works(t, run("--runtime", runc, evil)...)
	p.started(t, "by tag", run(good)...)
	p.started(t, "removed when it ends", run("--rm", good)...)
	p.started(t, "by digest", run(h.host+"/team/good@"+h.good.Index.String())...)
	p.started(t, "by id", run(h.good.Config.Encoded())...)
	mapped := []string{"--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"}
	out, err := p(run(append(mapped, "--runtime", runc, evil)...)...)
	if err != nil {
		t.Logf("SKIPPED: no container of another user starts here, with or without the belt: %v\n%s", err, out)
	} else {
		p.started(t, "as another user", run(append(mapped, good)...)...)
	}
	p.denied(t, "unsigned", h.host+"/team/evil@"+h.evil.Index.String()+" is denied: "+unsigned, run(evil)...)
	claim := h.host + "/team/good@" + h.good.Index.String()
	p.denied(t, "annotated", unsigned, run("--annotation", "io.kubernetes.cri-o.ImageName="+claim, "--annotation", "org.opencontainers.image.ref.name="+claim,
		"--label", "org.opencontainers.image.ref.name="+claim, evil)...)

	p.must(t, "tag", evil, h.host+"/team/good:v2")
	p.denied(t, "retagged", h.host+"/team/good@"+h.evil.Index.String()+" is denied", run(h.host+"/team/good:v2")...)
	p.must(t, "tag", good, "localhost/mine:v1")
	p.denied(t, "under a name of one's own", "localhost/mine@"+h.good.Index.String()+" is denied", run("localhost/mine:v1")...)
	p.started(t, "with a volume", run("--volume", "v:/v", good)...)
	for _, how := range []string{"", ",rw=true"} {
		mount := []string{"--mount", "type=image,source=" + evil + ",destination=/data" + how, good}
		const want = "files of an image that nobody was asked about are mounted"
		p.denied(t, "with an image mounted"+how, want, run(mount...)...)
		if err == nil {
			p.denied(t, "with an image mounted, as another user"+how, want, run(append(mapped, mount...)...)...)
		}
	}
	p.denied(t, "from a folder", "not from an image", run("--rootfs", dir, "/nothing")...)

	tar, layout := dir+"/good.tar", dir+"/evil.tar"
	if err := os.WriteFile(layout, h.evil.Archive(h.host+"/team/good:v3"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must(t, "load", "--input", layout)
	p.denied(t, "loaded under a good name", "is denied", run(h.evil.Config.Encoded())...)
	p.must(t, "build", "--tag", "localhost/built", "--file", containerfile(t, "FROM "+good+"\nENV a=b\n"), dir)
	p.denied(t, "built here", "localhost/built@sha256:", run("localhost/built")...)
	p.must(t, "tag", "localhost/built", h.host+"/team/good:v4")
	p.denied(t, "built here, under a good name", unsigned, run(h.host+"/team/good:v4")...)
	p.must(t, "save", "--format", "docker-archive", "--output", tar, good)

	settings(t, path, map[string]any{"runtime": runc, "socket": dir + "/none", "podman": dir + "/storage"})
	p.denied(t, "no agent", "reaching the node agent", run(good)...)
	settings(t, path, map[string]any{"runtime": runc, "socket": socket, "podman": dir + "/elsewhere", "annotations": true})
	p.denied(t, "another storage", "nobody may be asked", run("--annotation", "io.kubernetes.cri-o.ImageName="+claim, evil)...)
	settings(t, path, set)
	p.must(t, "rm", "--all", "--force", "--time", "0")
	p.must(t, "rmi", "--all", "--force")
	p.must(t, "load", "--input", tar)
	p.denied(t, "saved and loaded: other bytes than were signed", unsigned, run(good)...)
}

func containerfile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Containerfile")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

package belt_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dockerScript is the daemon's first process, in namespaces of its own: when it ends all its containers do, and all mounts are gone. A
// containerd of the machine's is hidden from it, which it would use, and where shims have their sockets.
const dockerScript = `mount --make-rprivate / && mount -t proc proc /proc && mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd && exec dockerd "$@"`

// docker starts a Docker daemon with folders of its own and no network, whose runtime is the wrapper. The test is skipped where none starts.
func docker(t *testing.T, dir, runtime string) client {
	t.Helper()
	if err := os.WriteFile(dir+"/daemon.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(dir + "/log") //nolint:gosec // below the test's folder
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	said := func() string { text, _ := os.ReadFile(dir + "/log"); return string(text) } //nolint:gosec // the same
	daemon := exec.Command("sh", "-c", dockerScript, "dockerd", "--config-file", dir+"/daemon.json", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--host", "unix://"+dir+"/sock", "--bridge=none", "--iptables=false", "--ip-masq=false", "--ip-forward=false", "--storage-driver", "overlay2",
		"--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", cgroup(), "--add-runtime", "selfsame="+runtime, "--default-runtime", "selfsame")
	daemon.Stdout, daemon.Stderr = log, log
	daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := daemon.Start(); err != nil {
		t.Skipf("SKIPPED: no namespaces for a Docker daemon: %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = daemon.Wait(); close(ended) }()
	c := client(func(args ...string) (string, error) {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", append([]string{"--host", "unix://" + dir + "/sock"}, args...)...)
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0", "DOCKER_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	})
	t.Cleanup(func() {
		if ids, err := c("ps", "--all", "--quiet"); err == nil && ids != "" {
			_, _ = c(append([]string{"rm", "--force"}, strings.Fields(ids)...)...)
		}
		_ = daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = daemon.Process.Kill()
			<-ended
		}
		removeCgroups(cgroup())
	})
	for range 600 {
		if _, err := c("version"); err == nil {
			return c
		}
		select {
		case <-ended:
			t.Skipf("SKIPPED: no Docker daemon starts here:\n%s", said())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("dockerd does not answer\n%s", said())
	return nil
}

// cgroup is the one below which a test's containers are.
func cgroup() string { return "/selfsame-belt-" + strconv.Itoa(os.Getpid()) }

// removeCgroups removes a cgroup and those below it, in all hierarchies, once their processes are gone: podman's monitors outlive what they
// look after for a moment.
func removeCgroups(name string) {
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
		var left []string
		for _, pattern := range []string{"/sys/fs/cgroup" + name, "/sys/fs/cgroup/*" + name} {
			for _, below := range []string{"/*", ""} { // files among them go with their folder
				dirs, _ := filepath.Glob(pattern + below)
				left = append(left, dirs...)
			}
		}
		for _, dir := range left {
			_ = os.Remove(dir)
		}
		if len(left) == 0 {
			return
		}
	}
}

// TestDocker: a daemon that keeps images itself. Its containers are judged by the manifests that lead to the configuration they were made from.
func TestDocker(t *testing.T) {
	programs(t, "dockerd", "docker", "runc")
	dir, path, h := t.TempDir(), wrapper(t), newHub(t)
	socket := serve(t, asker{h.host + "/team/good@" + h.good.Index.String(): true})
	runc, _ := exec.LookPath("runc")
	set := map[string]any{"runtime": runc, "socket": socket, "docker": dir + "/data", "containerd": dir + "/exec/containerd/containerd.sock"}
	settings(t, path, set)
	d := docker(t, dir, path)
	good, evil := h.host+"/team/good:v1", h.host+"/team/evil:v1"
	d.must(t, "pull", good)
	d.must(t, "pull", evil)
	run := func(args ...string) []string {
		return append([]string{"run", "--detach", "--network", "none"}, args...)
	}
	const unsigned = "signed: nobody signed it"

	d.works(t, run("--runtime", "runc", evil)...)
	d.started(t, "by tag", run(good)...)
	d.started(t, "by digest", run(h.host+"/team/good@"+h.good.Index.String())...)
	d.started(t, "by id", run(h.good.Config.Encoded()[:12])...)
	d.denied(t, "unsigned", h.host+"/team/evil@"+h.evil.Index.String()+" is denied: "+unsigned, run(evil)...)
	claim := h.host + "/team/good@" + h.good.Index.String()
	d.denied(t, "labelled", unsigned, run("--label", "org.opencontainers.image.ref.name="+claim, "--label", "io.kubernetes.cri-o.ImageName="+claim, evil)...)

	d.must(t, "tag", evil, h.host+"/team/good:v2")
	d.denied(t, "retagged", h.host+"/team/good@"+h.evil.Index.String()+" is denied", run(h.host+"/team/good:v2")...)
	d.must(t, "tag", good, "mine:v1")
	d.denied(t, "under a name of one's own", "docker.io/library/mine@"+h.good.Index.String()+" is denied", run("mine:v1")...)
	d.must(t, "build", "--tag", "built", "--file", containerfile(t, "FROM "+good+"\nENV a=b\n"), t.TempDir())
	d.denied(t, "built here", "built or loaded here, and not pulled", run("built")...)
	d.must(t, "tag", "built", h.host+"/team/good:v4")
	d.must(t, "push", h.host+"/team/good:v4")
	d.denied(t, "built here and pushed", "is denied", run(h.host+"/team/good:v4")...)

	settings(t, path, map[string]any{"runtime": runc, "socket": dir + "/none", "docker": dir + "/data", "containerd": set["containerd"]})
	d.denied(t, "no agent", "reaching the node agent", run(good)...)
	settings(t, path, map[string]any{"runtime": runc, "socket": socket, "containerd": set["containerd"]})
	d.denied(t, "containerd alone", "containerd does not know its image", run(good)...)
	settings(t, path, map[string]any{"runtime": runc, "socket": socket, "docker": dir + "/data"})
	d.denied(t, "no containerd", `needs "containerd"`, run(good)...)
	settings(t, path, set)

	id := d.must(t, "create", "--network", "none", h.host+"/team/good:v2")
	list := dir + "/data/image/overlay2/repositories.json"
	edit(t, list, func(v map[string]any) {
		v["Repositories"].(map[string]any)[h.host+"/team/good"].(map[string]any)[claim] = h.evil.Config.String()
	})
	d.denied(t, "a list that says otherwise than the bytes", "team/good@"+h.evil.Index.String()+" is denied", "start", id)
	id = d.must(t, "create", "--network", "none", good)
	parent := filepath.Join(dir, "data/image/overlay2/layerdb/mounts", id, "parent")
	if err := os.WriteFile(parent, []byte(h.evil.Config), 0o600); err != nil {
		t.Fatal(err)
	}
	d.denied(t, "on other layers", "does not lie on its image's layers", "start", id)

	tar := dir + "/good.tar"
	d.must(t, "save", "--output", tar, good)
	d.must(t, append([]string{"rm", "--force"}, strings.Fields(d.must(t, "ps", "--all", "--quiet"))...)...)
	d.must(t, append([]string{"rmi", "--force"}, strings.Fields(d.must(t, "images", "--quiet", "--no-trunc"))...)...)
	d.must(t, "load", "--input", tar)
	d.denied(t, "saved and loaded", "built or loaded here, and not pulled", run(good)...)
}

// edit changes a file of JSON.
func edit(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	raw, err := os.ReadFile(path) //nolint:gosec // below the test's folder
	var v map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	change(v)
	if err := os.WriteFile(path, indented(t, v), 0o600); err != nil {
		t.Fatal(err)
	}
}

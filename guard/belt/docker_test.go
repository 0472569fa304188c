package belt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// docker starts a Docker daemon with folders of its own and no network, whose runtime is the wrapper.
func docker(t *testing.T, dir, runtime string) client {
	t.Helper()
	if err := os.WriteFile(dir+"/daemon.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	daemon := exec.Command("dockerd", "--config-file", dir+"/daemon.json", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--host", "unix://"+dir+"/sock", "--bridge=none", "--iptables=false", "--ip-masq=false", "--add-runtime", "selfsame="+runtime, "--default-runtime", "selfsame")
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	c := client(func(args ...string) (string, error) {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", append([]string{"--host", "unix://" + dir + "/sock"}, args...)...)
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0", "DOCKER_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	})
	t.Cleanup(func() {
		if ids := strings.Fields(c.must(t, "ps", "--all", "--quiet")); len(ids) != 0 {
			_, _ = c(append([]string{"rm", "--force"}, ids...)...)
		}
		_ = daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = daemon.Process.Kill()
			t.Errorf("dockerd does not end\n%s", log.Bytes())
		}
	})
	for range 300 {
		if _, err := c("version"); err == nil {
			return c
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("dockerd: %v\n%s", err, log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("dockerd does not answer")
	return nil
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

package belt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/test/containerd"
)

// asker allows some questions: NAME@DIGEST. "CLASS NAME@DIGEST" is denied with that class.
type asker map[string]bool

func (k asker) Ask(_ context.Context, q engine.Question) engine.Answer {
	a := engine.Answer{Class: engine.ClassOK}
	a.Image = policy.Image{Name: q.Name, Digest: q.Digest.String()}
	if a.Allow = k[q.Name+"@"+q.Digest.String()] && q.Who.Gate == engine.GateStart; !a.Allow {
		a.Class, a.Reasons = engine.ClassRule, []string{"signed: nobody signed it"}
	}
	for _, c := range []engine.Class{engine.ClassDenied, engine.ClassObjected, engine.ClassUndecided, engine.ClassGone, engine.ClassInvalid} {
		if k[string(c)+" "+q.Name+"@"+q.Digest.String()] {
			a.Allow, a.Class, a.Reasons = false, c, []string{"it is " + string(c)}
		}
	}
	if a.Allow && k["break-glass "+q.Name+"@"+q.Digest.String()] {
		a.Class = engine.ClassBreakGlass
	}
	return a
}

func (k asker) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, k.Ask(ctx, q))
	}
	return out
}

func serve(t *testing.T, k asker) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "run", "guard.sock")
	l, err := agent.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &agent.Server{Asker: k, Inventory: agent.NewInventory(k, nil, func(string) {}, time.Now), Grants: func() []breakglass.Grant { return nil }, Edition: func() policy.Edition { return policy.Edition{} }}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = s.Serve(ctx, l); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return socket
}

// wrapper builds the real program.
func wrapper(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "selfsame-runc")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/selfsame-build/selfsame/cmd/selfsame-runc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func settings(t *testing.T, path string, s map[string]any) {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".json", raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestWrapper: what makes no container passes through untouched; what makes one is asked for.
func TestWrapper(t *testing.T) {
	path, dir := wrapper(t), t.TempDir()
	runtime := filepath.Join(dir, "runtime")
	script := "#!/bin/sh\nprintf '<%s>' \"$@\"\nprintf ' %s' \"$KEEP\"\nexit 42\n"
	if err := os.WriteFile(runtime, []byte(script), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	socket := serve(t, asker{"registry.example.com/team/shop@" + digest: true})
	bundle := func(name, text string) string {
		b := filepath.Join(dir, name)
		if err := os.Mkdir(b, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return b
	}
	crio := func(name string) string { return `{"annotations":{"io.kubernetes.cri-o.ImageName":"` + name + `"}}` }
	good := bundle("good", crio("registry.example.com/team/shop@"+digest))
	tagged, evil, bare := bundle("tagged", crio("registry.example.com/team/shop:v1")), bundle("evil", crio("registry.example.com/team/evil@"+digest)), bundle("bare", `{}`)
	run := func(args ...string) (int, string, string) {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = []string{"KEEP=kept"}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}
	passed := func(args ...string) {
		t.Helper()
		if code, out, errs := run(args...); code != 42 || out != "<"+strings.Join(args, "><")+"> kept" {
			t.Errorf("%q: exit %d\n%s%s", args, code, out, errs)
		}
	}
	log := filepath.Join(dir, "log.json")
	refused := func(want string, args ...string) {
		t.Helper()
		_ = os.Remove(log)
		code, out, errs := run(append([]string{"--root", "/x", "--log", log, "--log-format=json"}, args...)...)
		var line struct{ Level, Msg string }
		raw, _ := os.ReadFile(log) //nolint:gosec // below the test's folder
		if code != 1 || out != "" || !strings.Contains(errs, want) || json.Unmarshal(raw, &line) != nil || line.Level != "error" || !strings.Contains(line.Msg, want) {
			t.Errorf("%q: exit %d\n%s%s%s", args, code, out, errs, raw)
		}
	}

	settings(t, path, map[string]any{"runtime": runtime, "socket": socket, "annotations": true})
	passed("--version")
	passed("--root", "/x", "state", "c")
	passed("--log", "/x/create", "kill", "c", "9")
	passed("exec", "--process", "a b", "c", "create", "", "\xff\n")
	passed("--root", "/x", "create", "--bundle", good, "--pid-file", "/x", "good")
	passed("run", "-b", good, "good")
	refused("signed: nobody signed it", "create", "--bundle", evil, "evil")
	refused("signed: nobody signed it", "run", "--bundle="+evil, "evil")
	refused("has no digest", "create", "--bundle", tagged, "tagged")
	refused("no annotation names its image", "create", "--bundle", bare, "bare")
	refused("without a container's id", "create")
	refused("does not know", "--new-flag", "value", "create", "--bundle", good, "good")

	settings(t, path, map[string]any{"runtime": runtime, "socket": socket})
	refused("nobody may be asked", "create", "--bundle", good, "good")
	settings(t, path, map[string]any{"runtime": runtime, "socket": filepath.Join(dir, "none"), "annotations": true})
	refused("reaching the node agent", "create", "--bundle", good, "good")
	passed("delete", "--force", "good")
	settings(t, path, map[string]any{"runtime": runtime, "socket": socket, "containerd": filepath.Join(dir, "none"), "annotations": true})
	refused("asking containerd", "create", "--bundle", good, "good")
	settings(t, path, map[string]any{"runtime": path, "socket": socket})
	refused("is selfsame-runc itself", "state", "c")
	for _, key := range []string{"containerd", "podman", "docker"} {
		settings(t, path, map[string]any{"runtime": runtime, "socket": socket, key: "a/relative/path"})
		refused("is not an absolute path", "create", "--bundle", good, "good")
	}
	settings(t, path, map[string]any{"runtime": runtime, "socket": socket, "docker": dir, "annotations": true})
	refused("is not containerd's bundle", "create", "--bundle", good, "other")
	refused("is not one of Docker's", "create", "--bundle", good, "good")
	settings(t, path, map[string]any{"runtimes": runtime})
	refused("unknown field", "state", "c")
}

// TestContainerd: the wrapper is containerd's runtime; clients of CRI and others alike are refused, by containerd's word on the image.
func TestContainerd(t *testing.T) {
	path := wrapper(t)
	n := containerd.Start(t, containerd.Options{Config: containerd.Tables{containerd.TableRunc: {"BinaryName": "'" + path + "'"}}})
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	good, evil := containerd.NewImage(t, "good"), containerd.NewImage(t, "evil")
	for name, i := range map[string]*containerd.Image{"example.org/good:v1": good, "example.org/evil:v1": evil} {
		if err := n.Import(t.Context(), i, name); err != nil {
			t.Fatal(err)
		}
	}
	pause, err := n.Resolve(t.Context(), "selfsame.test/pause:v1")
	if err != nil {
		t.Fatal(err)
	}
	socket := serve(t, asker{"example.org/good@" + good.Index.String(): true, pause: true, "selfsame.test/pause@" + containerd.NewImage(t, "pause").Index.String(): true})
	settings(t, path, map[string]any{"runtime": runc, "socket": socket, "containerd": n.Socket})
	pod, err := n.RunPod(t.Context(), "p", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pod.Run(t.Context(), containerd.Container{Name: "good", Image: "example.org/good:v1"}); err != nil {
		t.Error(err)
	}
	_, err = pod.Run(t.Context(), containerd.Container{Name: "evil", Image: "example.org/evil:v1", Annotations: map[string]string{"io.kubernetes.cri.image-name": "example.org/good@" + good.Index.String()}})
	if err == nil || !strings.Contains(err.Error(), "example.org/evil@"+evil.Index.String()+" is denied") {
		t.Errorf("CRI: %v", err)
	}
	mount := func(name, image string) error {
		_, err := pod.Run(t.Context(), containerd.Container{Name: name, Image: "example.org/good:v1", ImageVolumes: map[string]string{"/data": image}})
		return err
	}
	if err := mount("with", "example.org/good:v1"); err != nil {
		t.Errorf("a volume that may be mounted: %v", err)
	}
	if err := mount("without", "example.org/evil:v1"); err == nil || !strings.Contains(err.Error(), "example.org/evil@"+evil.Index.String()+" is denied") {
		t.Errorf("a volume: %v", err)
	}
	past := func(image, id string) error {
		_, err := n.Ctr(t.Context(), "run", "--detach", "--runc-binary", path, "--runc-root", filepath.Join(n.Dir, "runc"), "--fifo-dir", filepath.Join(n.Dir, "fifo"), image, id)
		return err
	}
	if err := past("example.org/evil:v1", "evil"); err == nil || !strings.Contains(err.Error(), "example.org/evil@"+evil.Index.String()+" is denied") {
		t.Errorf("ctr: %v", err)
	}
	if err := past("example.org/good:v1", "good"); err != nil {
		t.Errorf("ctr: %v", err)
	}
}

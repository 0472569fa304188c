package containerd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/nri/pkg/api"
	"github.com/containerd/nri/pkg/stub"

	"github.com/selfsame-build/selfsame/registry/local"
)

// verifier writes a folder with one image verifier: a shell script that notes its arguments in a file before it does what do says.
func verifier(t *testing.T, do string) (dir, calls string) {
	t.Helper()
	dir, calls = t.TempDir(), filepath.Join(t.TempDir(), "calls")
	script := "#!/bin/sh\necho \"$@\" >>" + calls + "\n" + do + "\n"
	if err := os.WriteFile(filepath.Join(dir, "10-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, calls
}

// pushed serves a registry of ours with an image in it that the node may pull.
func pushed(t *testing.T, n *Node, i *Image) string {
	t.Helper()
	server, err := local.Serve(t.Context(), local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Push(t.Context(), server.Host, "demo/app", "v1"); err != nil {
		t.Fatal(err)
	}
	n.PlainHTTP(t, server.Host)
	return server.Host + "/demo/app:v1"
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// TestVerifier: a pull through CRI asks the verifier and is blocked; an import asks nobody (research: runtime §1.1).
func TestVerifier(t *testing.T) {
	dir, calls := verifier(t, "echo not today; exit 7")
	n := Start(t, Options{Verifiers: dir})
	image := NewImage(t, "hello")
	ref := pushed(t, n, image)
	_, err := n.Pull(t.Context(), ref)
	if err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("pulling gives %v; want the verifier's reason", err)
	}
	want := "-name " + ref + " -digest " + image.Index.String() + " -stdin-media-type application/vnd.oci.descriptor.v1+json\n"
	if got := read(t, calls); got != want {
		t.Errorf("the verifier was called with\n%swant\n%s", got, want)
	}
	if found, err := n.Resolve(t.Context(), ref); err != nil || found != "" {
		t.Errorf("after the refusal the node has %q (%v)", found, err)
	}
	if err := n.Import(t.Context(), image, "example.org/imported:v1"); err != nil {
		t.Errorf("importing gives %v", err)
	}
	if got := read(t, calls); got != want {
		t.Errorf("an import called the verifier:\n%s", got)
	}
}

// TestFallback: one setting makes containerd pull by itself, and the verifier is never asked.
func TestFallback(t *testing.T) {
	dir, calls := verifier(t, "exit 7")
	n := Start(t, Options{Verifiers: dir, Config: Tables{TableImages: {"discard_unpacked_layers": "true"}}})
	ref := pushed(t, n, NewImage(t, "hello"))
	if got, err := n.Pull(t.Context(), ref); err != nil || !strings.Contains(got, "@sha256:") {
		t.Errorf("pulling gives %q and %v", got, err)
	}
	if got := read(t, calls); got != "" {
		t.Errorf("the verifier was called:\n%s", got)
	}
}

// TestPod: containers run and print, one of them a program of an image that is mounted as a volume; they outlive containerd.
func TestPod(t *testing.T) {
	n := Start(t, Options{})
	image, data := NewImage(t, "hello"), NewImage(t, "data")
	digested, err := n.Pull(t.Context(), pushed(t, n, image))
	if err != nil || !strings.HasSuffix(digested, "demo/app@"+image.Index.String()) {
		t.Fatalf("pulling gives %q and %v", digested, err)
	}
	if err := n.Import(t.Context(), data, "example.org/data:v1"); err != nil {
		t.Fatal(err)
	}
	pod, err := n.RunPod(t.Context(), "p", nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := pod.Run(t.Context(), Container{Name: "hello", Image: digested})
	if err != nil {
		t.Fatal(err)
	}
	_, err = pod.Run(t.Context(), Container{Name: "volume", Image: digested, Command: []string{"/data/workload"}, Args: []string{"from", "the", "volume"},
		ImageVolumes: map[string]string{"/data": "example.org/data:v1"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"hello": "hello", "volume": "from the volume"} {
		log := filepath.Join(pod.Config.GetLogDirectory(), name+".log")
		waitFor(t, "the output of "+name, func() bool { return strings.HasSuffix(read(t, log), " stdout F "+says+"\n") })
	}
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running, err := n.Running(t.Context(), id); err != nil || !running {
		t.Errorf("after containerd's restart: running %v, %v", running, err)
	}
	if err := pod.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}

// refuser is an NRI plugin that lets one image pass.
type refuser struct{ allow string }

func (r *refuser) ValidateContainerAdjustment(_ context.Context, req *api.ValidateContainerAdjustmentRequest) error {
	if got := req.GetContainer().GetImage().GetDigest(); got != r.allow {
		return &refusal{got}
	}
	return nil
}

type refusal struct{ digest string }

func (r *refusal) Error() string { return "not verified: " + r.digest }

// TestNRI: without the required plugin nothing starts; with it, what it allows (research: runtime §1.2).
func TestNRI(t *testing.T) {
	n := Start(t, Options{NRI: &NRI{Required: []string{"test"}}})
	good, evil := NewImage(t, "good"), NewImage(t, "evil")
	for name, i := range map[string]*Image{"example.org/good:v1": good, "example.org/evil:v1": evil} {
		if err := n.Import(t.Context(), i, name); err != nil {
			t.Fatal(err)
		}
	}
	pod, err := n.RunPod(t.Context(), "p", nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(image, why string) {
		t.Helper()
		if _, err := pod.Create(t.Context(), Container{Name: "c", Image: image}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("creating a container of %s gives %v; want %q", image, err, why)
		}
	}
	refused("example.org/good:v1", `required plugin "test" not present`)

	plugin, err := stub.New(&refuser{good.Index.String()}, stub.WithPluginName("test"), stub.WithPluginIdx("90"), stub.WithSocketPath(n.NRISocket))
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer plugin.Stop()
	waitFor(t, "the plugin's good image", func() bool {
		_, err := pod.Run(t.Context(), Container{Name: "good", Image: "example.org/good:v1"})
		return err == nil
	})
	refused("example.org/evil:v1", "not verified: "+evil.Index.String())
}

// busy starts a node with a pod and a container past CRI, and gives the paths outside its folder that it made.
func busy(t *testing.T) (n *Node, outside []string) {
	t.Helper()
	n = Start(t, Options{})
	pod, err := n.RunPod(t.Context(), "p", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pod.Run(t.Context(), Container{Name: "c", Image: sandboxImage}); err != nil {
		t.Fatal(err)
	}
	if err := n.RunPastCRI(t.Context(), sandboxImage, "past-cri"); err != nil {
		t.Fatal(err)
	}
	shims := n.shims()
	for _, pid := range shims {
		outside = append(outside, sockets(pid)...)
	}
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*" + n.cgroup())
	if len(shims) != 2 || len(outside) < 2 || len(cgroups) == 0 {
		t.Errorf("shims %v, sockets %v, cgroups %v: their end would prove nothing", shims, outside, cgroups)
	}
	return n, append(outside, cgroups...)
}

func nothingIsLeft(t *testing.T, n *Node, outside []string) {
	t.Helper()
	if left := n.shims(); len(left) != 0 {
		t.Errorf("processes left: %v", left)
	}
	if left, err := n.mounts(); err != nil || len(left) != 0 {
		t.Errorf("mounts left: %v, %v", left, err)
	}
	for _, path := range append(outside, n.Dir) {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", path, err)
		}
	}
}

// TestNothingIsLeft: whatever a test leaves behind ends with it.
func TestNothingIsLeft(t *testing.T) {
	var n *Node
	var outside []string
	t.Run("busy", func(t *testing.T) { n, outside = busy(t) })
	if n == nil {
		t.SkipNow()
	}
	nothingIsLeft(t, n, outside)
}

// TestSweep: what a test binary left that was killed ends when the next one starts a node.
func TestSweep(t *testing.T) {
	if os.Getenv("SELFSAME_CONTAINERD_CRASH") != "" {
		n, outside := busy(t)
		_, _ = os.Stdout.WriteString("\nleft " + strings.Join(append(outside, n.Dir), " ") + "\n")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	needs(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestSweep$")
	cmd.Env = append(os.Environ(), "SELFSAME_CONTAINERD_CRASH=1")
	out, _ := cmd.CombinedOutput()
	_, rest, _ := strings.Cut(string(out), "\nleft ")
	line, _, _ := strings.Cut(rest, "\n")
	paths := strings.Fields(line)
	if len(paths) < 3 {
		t.Fatalf("the other test binary said:\n%s", out)
	}
	dir := paths[len(paths)-1]
	crashed := &Node{Dir: dir, Socket: socket(dir)}
	if got := len(crashed.shims()); got != 2 {
		t.Errorf("the other test binary left %d shims, want 2: this test would prove nothing", got)
	}
	Start(t, Options{})
	nothingIsLeft(t, crashed, paths)
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

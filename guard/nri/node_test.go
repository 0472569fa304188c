package nri_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/nri"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/test/containerd"
)

// TestMain is also a plugin that containerd itself starts: it lets nothing through.
func TestMain(m *testing.M) {
	if os.Getenv(nri.SocketVariable) != "" {
		no := agent.Client{Socket: "/does/not/exist"}
		p := &nri.Plugin{Asker: no, Inventory: agent.NewInventory(no, nil, func(string) {}, time.Now), Notice: func(string) {}, Env: os.Getenv}
		_ = p.Run(context.Background())
		return
	}
	os.Exit(m.Run())
}

// node is a containerd with both gates set up, a registry and a pod.
type node struct {
	*world
	*containerd.Node
	t    *testing.T
	host string
	pod  *containerd.Pod
}

func newNode(t *testing.T) *node {
	t.Helper()
	w := newWorld(t)
	server, err := local.Serve(t.Context(), local.Options{Dir: t.TempDir()})
	w.must(err)
	n := &node{world: w, t: t, host: server.Host}
	n.Node = containerd.Start(t, containerd.Options{NRI: &containerd.NRI{}, Config: documented(t, w.verifiers()),
		Env: []string{"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1", "LD_PRELOAD=/does/not/exist.so", "GODEBUG=x=y"}})
	n.PlainHTTP(t, server.Host)
	n.pod, err = n.RunPod(t.Context(), "shop-0", nil)
	w.must(err)
	return n
}

// push stores an image in the registry, signed or not.
func (n *node) push(repository, tag string, signed bool) (*containerd.Image, string) {
	n.t.Helper()
	i := containerd.NewImage(n.t, repository+tag)
	n.must(i.Push(n.t.Context(), n.host, repository, tag))
	if signed {
		n.g.set(func() { n.g.signed[i.Index], n.g.signed[i.Manifest] = n.host+"/"+repository, n.host+"/"+repository })
	}
	return i, n.host + "/" + repository + ":" + tag
}

func (n *node) runs(what, name, image string) string {
	n.t.Helper()
	id, err := n.pod.Run(n.t.Context(), containerd.Container{Name: name, Image: image})
	if err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
	return id
}

func (n *node) refused(what string, c containerd.Container, words ...string) {
	n.t.Helper()
	_, err := n.pod.Run(n.t.Context(), c)
	for _, want := range words {
		if err == nil || !strings.Contains(err.Error(), want) {
			n.t.Errorf("%s gives %v; want %q", what, err, want)
		}
	}
}

func (n *node) noPull(what, ref string, words ...string) {
	n.t.Helper()
	_, err := n.Pull(n.t.Context(), ref)
	for _, want := range words {
		if err == nil || !strings.Contains(err.Error(), want) {
			n.t.Errorf("%s gives %v; want %q", what, err, want)
		}
	}
	if found, err := n.Resolve(n.t.Context(), ref); err != nil || found != "" {
		n.t.Errorf("%s: the node has %q (%v)", what, found, err)
	}
}

// TestNode is a node's life at both gates. The rows are those of the failure matrices in the research on runtimes, 1.1 and 1.2.
func TestNode(t *testing.T) {
	n := newNode(t)
	good, goodRef := n.push("team/shop", "v1", true)
	evil, evilRef := n.push("team/evil", "v1", false)

	// Nobody answers: nothing is pulled.
	n.noPull("pulling without an agent", goodRef, "reaching the node agent", "is denied")
	stop := n.serve()
	pulled, err := n.Pull(t.Context(), goodRef)
	n.must(err)
	n.noPull("pulling what nobody signed", evilRef, "is denied: ", "nobody that we know signed it", evil.Index.String())

	// No plugin: nothing starts.
	n.refused("starting without the plugin", containerd.Container{Name: "c", Image: pulled}, `required plugin "selfsame" not present`)
	disconnect := n.connect(n.Node, n, false)
	id := n.runs("what is signed", "web", pulled)
	if all := n.inventory.List(); len(all) != 1 || all[0].ID != id || !all[0].Verified() || all[0].Workload != "Pod/shop-0" || all[0].Image != n.host+"/team/shop" || all[0].Digest != good.Index {
		t.Errorf("%+v", all)
	}
	n.runs("the digest of the platform's image", "by-manifest", n.pull(n.host+"/team/shop@"+good.Manifest.String()))
	n.runs("the image's id", "by-id", good.Config.String())

	t.Run("past the registry", func(t *testing.T) { n.t = t; n.pastTheRegistry(good, evil, evilRef) })
	t.Run("volumes", func(t *testing.T) { n.t = t; n.volumes(pulled, evil) })
	t.Run("slow", func(t *testing.T) { n.t = t; n.slowAnswers() })
	n.t = t

	// The pods' own process is of an image that NRI only gives a reference of: it is counted.
	pod, err := n.RunPod(t.Context(), "shop-1", nil)
	n.must(err)
	n.must(pod.Remove(t.Context()))
	if got := n.count("selfsame_unchecked_total", `reason="sandbox-image"`); !strings.HasSuffix(got, " 1\n") {
		t.Errorf("a pod's own image is counted as %q", got)
	}

	// Taken back while it runs, or after it was made and before it starts.
	made, err := n.pod.Create(t.Context(), containerd.Container{Name: "made", Image: pulled})
	n.must(err)
	n.g.set(func() { n.g.denied[good.Index] = true; n.g.epoch.Deny++ })
	n.must(n.Refresh(t.Context()))
	n.inventory.Kick()
	n.soon("the inventory says that it was taken back", func() bool {
		for _, r := range n.inventory.List() {
			if r.ID == id {
				return r.Verdict != nil && !r.Verified() && strings.Contains(r.Verdict.Denial(), "leaks keys")
			}
		}
		return false
	})
	if _, err := n.Runtime.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: made}); err == nil || !strings.Contains(err.Error(), "leaks keys") {
		t.Errorf("what was made before it was taken back: %v", err)
	}
	n.refused("an image that was taken back, and is on disk", containerd.Container{Name: "again", Image: pulled}, "leaks keys")
	n.g.set(func() { n.g.denied[good.Index] = false; n.g.epoch.Deny++ })
	n.must(n.Refresh(t.Context()))

	// The plugin is gone, and comes back: it learns what started and what ended.
	disconnect()
	n.soon("it is gone", func() bool {
		_, err := n.pod.Create(t.Context(), containerd.Container{Name: "gone", Image: pulled})
		return err != nil && strings.Contains(err.Error(), "not present")
	})
	n.inventory.Sync(nil) // an agent that starts anew knows nothing
	n.connect(n.Node, n, false)
	n.soon("what runs is known again", func() bool { return n.containers() == n.running() && n.running() > 2 })
	if r := n.rows()["volume at /data of unknown"]; r.Of == "" || r.Digest == "" {
		t.Errorf("the image volume of what runs is not: %+v", r)
	}
	n.inventory.Sync(nil)
	n.must(n.Restart(t.Context()))
	n.soon("after containerd's restart", func() bool {
		_, err := n.pod.Run(t.Context(), containerd.Container{Name: "restarted", Image: pulled})
		return err == nil
	})
	n.soon("what runs is known again", func() bool { return n.containers() == n.running() })
	stop()
	n.must(n.pod.Remove(t.Context()))
	n.soon("what ended is forgotten", func() bool { return len(n.inventory.List()) == 0 })
}

func (n *node) pull(ref string) string {
	n.t.Helper()
	got, err := n.Pull(n.t.Context(), ref)
	n.must(err)
	return got
}

// running is how many containers CRI knows to run.
func (n *node) running() int {
	n.t.Helper()
	out, err := n.Ctr(n.t.Context(), "tasks", "ls")
	n.must(err)
	return strings.Count(out, "RUNNING") - 1 // the sandbox
}

// pastTheRegistry: whatever way an image came to the node, its digest decides.
func (n *node) pastTheRegistry(good, evil *containerd.Image, evilRef string) {
	n.must(n.Import(n.t.Context(), evil, evilRef))
	n.refused("imported", containerd.Container{Name: "imported", Image: evilRef}, "is denied: ", evil.Index.String(), "by policy prod, version 1, rule signed", "fix: sign it with the release key")
	n.refused("imported, annotated", containerd.Container{Name: "forged", Image: evilRef, Annotations: map[string]string{
		"io.kubernetes.cri.image-name": n.host + "/team/shop:v1", "selfsame.dev/verdict": "allow", "required-plugins.noderesource.dev": ""}}, evil.Index.String())
	if _, err := n.Ctr(n.t.Context(), "images", "tag", evilRef, n.host+"/team/shop:v9"); err != nil {
		n.t.Fatal(err)
	}
	n.soon("CRI sees the tag", func() bool { r, err := n.Resolve(n.t.Context(), n.host+"/team/shop:v9"); return err == nil && r != "" })
	n.refused("under the name of a signed one", containerd.Container{Name: "retagged", Image: n.host + "/team/shop:v9"}, n.host+"/team/shop@"+evil.Index.String())

	// The tag moves between pull and start: an import points it to other bytes.
	_, moved := n.push("team/shop", "moved", true)
	n.pull(moved)
	n.runs("before the tag moves", "before", moved)
	n.must(n.Import(n.t.Context(), containerd.NewImage(n.t, "other bytes"), moved))
	n.soon("the tag moves", func() bool {
		_, err := n.pod.Create(n.t.Context(), containerd.Container{Name: "after", Image: moved})
		return err != nil && strings.Contains(err.Error(), "is denied")
	})
	// Evidence of a name does not count for another one.
	n.must(n.Import(n.t.Context(), good, n.host+"/team/other:v1"))
	n.refused("signed under another name", containerd.Container{Name: "other", Image: n.host + "/team/other:v1"}, "team/other@"+good.Index.String())
}

// volumes: of an image volume NRI shows the digest in a path, and no name.
func (n *node) volumes(pulled string, evil *containerd.Image) {
	mount := func(name, image string) containerd.Container {
		return containerd.Container{Name: name, Image: pulled, ImageVolumes: map[string]string{"/data": image}}
	}
	n.refused("a volume that was asked for at the pull gate, and refused there", mount("known", n.host+"/team/evil:v1"), "is denied: ", evil.Index.String())
	n.must(n.Import(n.t.Context(), containerd.NewImage(n.t, "a volume"), "example.org/volume:v1"))
	if _, err := n.pod.Run(n.t.Context(), mount("unknown", "example.org/volume:v1")); err != nil {
		n.t.Errorf("a volume that nobody knows: %v", err)
	}
	if got := n.count("selfsame_unchecked_total", `reason="image-volume"`); got == "" {
		n.t.Error("a volume that nobody knows is not counted")
	}
	id, err := n.pod.Run(n.t.Context(), mount("known-good", pulled))
	n.must(err)
	n.inventory.Judge(n.t.Context())
	rows := n.rows()
	if r := rows["volume at /data of known-good"]; !r.Verified() || r.Image != n.host+"/team/shop" || r.Of != id {
		n.t.Errorf("a volume that may be mounted is listed as %+v", r)
	}
	if r := rows["volume at /data of unknown"]; r.Of == "" || r.Verified() || r.Image != "" || r.Digest == "" {
		n.t.Errorf("a volume that nobody knows is listed as %+v", r)
	}
	_, err = n.Runtime.StopContainer(n.t.Context(), &cri.StopContainerRequest{ContainerId: id})
	n.must(err)
	n.soon("the volume of a container that ended is listed no more", func() bool {
		rows := n.rows()
		_, volume := rows["volume at /data of known-good"]
		_, still := rows["known-good"]
		return !volume && !still
	})
}

// containers is how many the inventory has, without image volumes.
func (n *node) containers() (all int) {
	for _, r := range n.inventory.List() {
		if r.Of == "" {
			all++
		}
	}
	return all
}

// rows is the inventory by name.
func (n *node) rows() map[string]agent.Running {
	out := map[string]agent.Running{}
	for _, r := range n.inventory.List() {
		out[r.Name] = r
	}
	return out
}

// slowAnswers: who is not in time refuses, in words or not; the next attempt finds the verdict.
func (n *node) slowAnswers() {
	ref := func() string { _, r := n.push("team/slow", "v1", true); return n.pull(r) }()
	slow := make(chan struct{})
	n.g.set(func() { n.g.slow = slow; n.g.epoch.Deny++ }) // nothing is known any more
	began := time.Now()
	n.refused("a slow registry", containerd.Container{Name: "slow", Image: ref}, "verdict pending", "try again")
	if took := time.Since(began); took > 1900*time.Millisecond {
		n.t.Errorf("it took %s to say so", took)
	}
	n.g.set(func() { n.g.slow = nil })
	close(slow)
	n.soon("the verdict is there", func() bool {
		_, err := n.pod.Run(n.t.Context(), containerd.Container{Name: "slow", Image: ref})
		return err == nil
	})
}

// TestNodeFaults: agents that hang, are killed while they are asked, or are started by containerd itself; volumes that are refused.
func TestNodeFaults(t *testing.T) {
	w := newWorld(t)
	plugins := t.TempDir()
	n := &node{world: w, t: t, host: "example.org", Node: containerd.Start(t, containerd.Options{NRI: &containerd.NRI{Required: []string{nri.Name}, Plugins: plugins, RequestTimeout: time.Second}})}
	image := containerd.NewImage(t, "shop")
	n.must(n.Import(t.Context(), image, "example.org/shop:v1"))
	n.g.set(func() { n.g.signed[image.Index] = "example.org/shop" })
	var err error
	n.pod, err = n.RunPod(t.Context(), "p", nil)
	n.must(err)
	one := containerd.Container{Name: "c", Image: "example.org/shop:v1"}

	// Hung: containerd gives up on it.
	stop := n.connect(n.Node, asked{n, func(context.Context) { time.Sleep(2 * time.Second) }}, false)
	n.refused("a plugin that hangs", one, "deadline exceeded")
	stop()
	n.refused("after that", one, "selfsame")

	// Killed while it is asked.
	n.must(n.Restart(t.Context()))
	asking := make(chan struct{}, 8)
	stop = n.connect(n.Node, asked{n, func(context.Context) { asking <- struct{}{}; <-t.Context().Done() }}, false)
	go func() { <-asking; stop() }()
	n.refused("a plugin that is killed", one, "selfsame")

	stop = n.connect(n.Node, n, true)
	n.must(n.Import(t.Context(), containerd.NewImage(t, "a volume"), "example.org/volume:v1"))
	n.refused("a volume without a name", containerd.Container{Name: "v", Image: one.Image, ImageVolumes: map[string]string{"/data": "example.org/volume:v1"}}, "nobody knows its name")
	if got := n.count("selfsame_unchecked_total", `reason="image-volume"`); got != "" && !strings.HasSuffix(got, " 0\n") {
		t.Errorf("what was refused is counted as let through: %s", got)
	}
	if got := n.count("selfsame_verify_total", `point="start",reason="undecided",result="deny"`); !strings.HasSuffix(got, " 1\n") {
		t.Errorf("what was refused is counted as %q", got)
	}
	n.runs("and without it", "ok", one.Image)
	stop()

	// containerd starts the plugin.
	self, err := os.Executable()
	n.must(err)
	n.must(os.Symlink(self, filepath.Join(plugins, "90-"+nri.Name)))
	n.must(n.Restart(t.Context()))
	n.soon("the plugin that containerd started refuses", func() bool {
		_, err := n.pod.Create(t.Context(), one)
		return err != nil && strings.Contains(err.Error(), "reaching the node agent")
	})
}

// TestPulledUnasked: a setting makes containerd pull past every verifier (research on runtimes, 1.1). What came so does not start.
func TestPulledUnasked(t *testing.T) {
	w := newWorld(t)
	server, err := local.Serve(t.Context(), local.Options{Dir: t.TempDir()})
	w.must(err)
	n := &node{world: w, t: t, host: server.Host, Node: containerd.Start(t, containerd.Options{NRI: &containerd.NRI{Required: []string{nri.Name}}, Verifiers: w.verifiers(),
		Config: containerd.Tables{containerd.TableImages: {"discard_unpacked_layers": "true"}}})}
	n.PlainHTTP(t, server.Host)
	n.pod, err = n.RunPod(t.Context(), "p", nil)
	n.must(err)
	n.connect(n.Node, n, false)
	evil, ref := n.push("team/evil", "v1", false)
	n.pull(ref) // nobody serves on the agent's socket: were it asked, it would refuse
	n.refused("what was pulled unasked", containerd.Container{Name: "evil", Image: ref}, n.host+"/team/evil@"+evil.Index.String()+" is denied: ")
}

var _ engine.Asker = (*nri.Names)(nil)

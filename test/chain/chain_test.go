package chain

import (
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// The project: an image of a program and a text. Nothing is fetched for it.
const (
	recipe     = "recipe: v1\nname: shop\nplatforms: [linux/amd64]\nepoch: 1700000000\nbuild: {dockerfile: Dockerfile}\n"
	dockerfile = "FROM scratch\nCOPY workload /bin/workload\nCOPY greeting /greeting\nENTRYPOINT [\"/bin/workload\", \"welcome\"]\n"
)

// What the policy to start from says (policy/starter/reproduced-here.yaml).
const (
	notBuilt = "it was not built twice with one result"
	rule     = "by policy reproduced-here, version 1, rule reproduced"
	fix      = "fix: build it with selfsame build"
)

// TestChain: recipe, build, sign, push, pod admitted, pulled and started. Then the same with one byte changed, refused at each of the three
// gates; and then the good one too, because it was taken back.
func TestChain(t *testing.T) {
	w := newWorld(t)
	w.project()
	w.serveRegistry()
	w.guard()
	shop := w.host + "/team/shop"
	wait := w.build("project", shop+":v1")
	w.cluster()
	w.gates()
	image := wait()
	good, err := containerd.Fetch(t.Context(), w.host, "team/shop", "v1")
	w.must(err)
	if image != shop+"@"+good.Index.String() {
		t.Fatalf("selfsame build says %s, and the registry has %s", image, good.Index)
	}

	pod, err := w.node.RunPod(t.Context(), "shop-0", nil)
	w.must(err)
	w.admitted(pod, shop, image)
	w.otherByte(pod, shop, good)
	w.takenBack(pod, image)
}

// project writes the recipe and what it names.
func (w *world) project() {
	w.t.Helper()
	program, err := containerd.Workload()
	w.must(err)
	w.write("project/recipe.yaml", recipe)
	w.write("project/Dockerfile", dockerfile)
	w.write("project/greeting", "hello\n")
	w.write("project/workload", string(program))
	w.must(os.Chmod(w.path("project/workload"), 0o755)) //nolint:gosec // a program
}

// admitted: a pod that names a tag is stored with the digest; the node pulls that, starts it, and says under which verdict it runs.
func (w *world) admitted(pod *containerd.Pod, shop, image string) {
	t := w.t
	stored, err := w.admit("shop-0", shop+":v1")
	if _, d, _ := strings.Cut(image, "@"); err != nil || stored != shop+":v1@"+d {
		t.Fatalf("stored %q, %v; want %s:v1@%s", stored, err, shop, d)
	}
	if pulled, err := w.node.Pull(t.Context(), stored); err != nil || pulled != image {
		t.Fatalf("pulled %q, %v; want %s", pulled, err, image)
	}
	id, err := pod.Run(t.Context(), containerd.Container{Name: "web", Image: stored})
	w.must(err)
	if runs, err := w.node.Running(t.Context(), id); err != nil || !runs {
		t.Fatalf("it does not run: %v", err)
	}
	t.Logf("%s runs\n%s", image, w.ps(0, "allowed"))
	for _, asked := range []struct {
		gate engine.Gate
		by   *fixture.Process
	}{{engine.GateAdmission, w.hook}, {engine.GatePull, w.agent}, {engine.GateStart, w.agent}} {
		w.soon("a line of the log for the gate "+string(asked.gate), func() bool { return w.decided(asked.by, asked.gate, image, true) > 0 })
	}
}

// otherByte: somebody who may write to the registry moves the tag to an image that differs in one byte, and gives it the evidence of the
// good one. On the node it lies by an import, which no pull gate sees.
func (w *world) otherByte(pod *containerd.Pod, shop string, good *containerd.Image) {
	t := w.t
	bad, err := good.Changed("/greeting")
	w.must(err)
	w.must(bad.Push(t.Context(), w.host, "team/shop", "v1"))
	w.steal("team/shop", good.Index, bad.Index)
	w.steal("team/shop", good.Manifest, bad.Manifest)
	changed := shop + "@" + bad.Index.String()
	w.soon("the webhook sees where the tag leads", func() bool {
		stored, err := w.admit("shop-1", shop+":v1")
		return err != nil || stored == shop+":v1@"+bad.Index.String()
	})
	for _, name := range []string{shop + ":v1", changed} {
		w.must(w.node.Import(t.Context(), bad, name))
		for _, g := range w.tries(pod, "bad", name) {
			w.refused("one byte is other", g, changed, notBuilt, rule, " statements are about sha256:", ", not this image", fix)
		}
	}
	// The command line has seen the good one's evidence there, and says what is wrong with it.
	if code, out, said := w.run("selfsame", "verify", changed, "--trust", "trust.yaml"); code != 15 || !strings.Contains(out, "FAIL         reproduced  it is about "+good.Index.String()) {
		t.Errorf("verify: exit %d\n%s%s", code, out, said)
	}
	for _, g := range w.tries(pod, "good", shop+"@"+good.Index.String()) {
		if err := g.does(); err != nil {
			t.Errorf("the good one, at %s: %v", g.gate, err)
		}
	}
}

// takenBack: the good image comes on the deny list. Nothing is restarted.
func (w *world) takenBack(pod *containerd.Pod, image string) {
	w.ps(0, "allowed")
	w.ok("selfsame", "deny", "add", image, "--list", w.host+"/ops/denylist", "--key", "revoker.key", "--reason", "it leaks")
	w.soon("the node knows", func() bool { code, _, _ := w.run("selfsame-guard", "ps", "--config", "agent.yaml"); return code == 14 })
	w.soon("the cluster knows", func() bool { _, err := w.admit("shop-2", image); return err != nil })
	for _, g := range w.tries(pod, "back", image) {
		w.refused("taken back", g, image, "it leaks")
	}
	w.t.Logf("what runs since before:\n%s", w.ps(14, "DENIED: ", "it leaks"))
}

// ps is what `selfsame-guard ps` prints.
func (w *world) ps(code int, words ...string) string {
	w.t.Helper()
	got, out, said := w.run("selfsame-guard", "ps", "--config", "agent.yaml")
	for _, word := range append(words, "Pod/shop-0", "web", w.host+"/team/shop") {
		if got != code || !strings.Contains(out, word) {
			w.t.Errorf("ps: exit %d, want %d with %q\n%s%s", got, code, word, out, said)
		}
	}
	return out
}

package chain

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/kube"
)

// TestBreakGlass: an image that nobody signed is refused at each of the three gates; a signed statement opens them for one namespace until it
// expires, and the log, the metrics and ps say so all the while. The deny list goes before it.
func TestBreakGlass(t *testing.T) {
	w := newWorld(t)
	w.serveRegistry()
	w.guard()
	metrics := fixture.Free(t, 1)[0]
	w.ok("selfsame", "key", "new", "--out", "glass-key")
	w.write("trust.yaml", strings.Replace(w.read("trust.yaml"), "denylist:", "  glass: {keys: [glass-key.pub], roles: [break-glass]}\ndenylist:", 1))
	w.must(os.Mkdir(w.path("glass"), 0o700))
	w.write("webhook.yaml", w.read("webhook.yaml")+"breakGlass: glass\n")
	w.write("agent.yaml", w.read("agent.yaml")+"breakGlass: glass\nmetrics: "+metrics+"\n")
	w.cluster()
	w.gates()

	image := containerd.NewImage(t, "bare")
	w.must(image.Push(t.Context(), w.host, "team/bare", "v1"))
	ref := w.host + "/team/bare@" + image.Index.String()
	w.must(w.node.Import(t.Context(), image, ref))
	pod, err := w.node.RunPod(t.Context(), "shop-0", nil)
	w.must(err)
	names := 0 // containerd gives no name twice
	tries := func() []try {
		names++
		return w.tries(pod, fmt.Sprint("bare-", names), ref)
	}
	closed := func(what, reason string) {
		t.Helper()
		for _, g := range tries() {
			w.refused(what, g, ref, reason)
		}
	}
	closed("nobody signed it", notBuilt)

	w.breakGlass(ref, "incident-4711", "1h")
	for _, g := range tries() {
		if err := g.does(); err != nil {
			t.Errorf("broken glass, at %s: %v", g.gate, err)
		}
	}
	for gate, by := range map[engine.Gate]*fixture.Process{engine.GateAdmission: w.hook, engine.GatePull: w.agent, engine.GateStart: w.agent} {
		w.soon("a line of the log for the gate "+string(gate), func() bool { return w.broke(by, gate, ref, "incident-4711") })
	}
	w.counts(metrics, "selfsame_breakglass_active 1", `selfsame_breakglass_used_total{point="pull"} `, `selfsame_breakglass_used_total{point="start"} `)
	w.soon("ps says so", func() bool {
		code, out, _ := w.run("selfsame-guard", "ps", "--config", "agent.yaml")
		return code == 0 && strings.Contains(out, "break-glass until ")
	})
	w.must(w.api.Create(t.Context(), "/api/v1/namespaces", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "other"}}, nil))
	if err := w.api.Create(t.Context(), kube.Pods("other"), kube.Pod("bare", ref), nil); err == nil || !strings.Contains(err.Error(), notBuilt) {
		t.Errorf("in a namespace that the statement does not name: %v", err)
	}

	w.must(os.Remove(w.path("glass/incident-4711.json")))
	w.breakGlass(ref, "incident-4712", "30s")
	w.soon("it expires for the cluster", func() bool { _, err := w.admit("bare", ref); return err != nil })
	w.soon("it expires for what runs", func() bool { code, _, _ := w.run("selfsame-guard", "ps", "--config", "agent.yaml"); return code == 14 })
	closed("the statement expired", notBuilt)
	w.counts(metrics, "selfsame_breakglass_active 0")

	w.breakGlass(ref, "incident-4713", "1h")
	w.ok("selfsame", "deny", "add", ref, "--list", w.host+"/ops/denylist", "--key", "revoker.key", "--reason", "it leaks")
	w.soon("the cluster knows", func() bool { _, err := w.admit("bare", ref); return err != nil })
	w.soon("the node knows", func() bool { code, _, _ := w.run("selfsame-guard", "ps", "--config", "agent.yaml"); return code == 14 })
	closed("the deny list goes before it", "it leaks")
	w.counts(metrics, "selfsame_breakglass_active 1")
}

// breakGlass signs a statement for the namespace default, puts it where the guard looks, and waits until cluster and node act upon it.
func (w *world) breakGlass(ref, reason, life string) {
	w.t.Helper()
	w.ok("selfsame", "break-glass", ref, "--namespace", "default", "--reason", reason, "--owner", "ops@example.com", "--for", life, "--key", "glass-key.key", "--out", "glass/"+reason+".json")
	w.soon("the node knows of "+reason, func() bool {
		_, out, _ := w.run("selfsame-guard", "break-glass", "list", "--config", "agent.yaml")
		return strings.Contains(out, reason) && strings.Count(out, "\n") == 2
	})
	w.soon("the cluster knows of "+reason, func() bool { return strings.Contains(w.hook.Err.String(), "ops@example.com: "+reason) })
	if _, err := w.admit("bare", ref); err != nil {
		w.t.Errorf("%s opens nothing: %v", reason, err)
	}
}

// broke says whether the log has a decision by a break-glass statement at a gate.
func (w *world) broke(s *fixture.Process, gate engine.Gate, image, reason string) bool {
	for line := range strings.Lines(s.Out.String()) {
		var d engine.Decision
		if json.Unmarshal([]byte(line), &d) == nil && d.Who.Gate == gate && d.Image == image && d.Allow && d.Class == engine.ClassBreakGlass && d.BreakGlass != nil &&
			d.BreakGlass.Reason == reason && d.BreakGlass.Owner == "ops@example.com" && len(d.Reasons) > 0 {
			return true
		}
	}
	return false
}

// counts wants parts of lines among the agent's metrics, soon.
func (w *world) counts(at string, lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		w.soon("the metric "+line, func() bool {
			raw, err := containerd.Get(w.t.Context(), "http://"+at+"/metrics", "text/plain")
			return err == nil && strings.Contains(string(raw), "\n"+line)
		})
	}
}

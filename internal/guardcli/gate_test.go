package guardcli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/test/containerd"
)

// TestAgentGate: the agent of the command line is a real containerd's gate at start, over real evidence in a real registry. What runs is judged
// again when deny list, policy or trust file change, long before the timer comes around.
func TestAgentGate(t *testing.T) {
	n := containerd.Start(t, containerd.Options{NRI: &containerd.NRI{Required: []string{"selfsame"}}})
	w := newWorld(t)
	path := filepath.Join(w.dir, "guard.yaml")
	w.write("guard.yaml", strings.Replace(read(t, path), "watch: 1s", "watch: 1h", 1)+"nri: {socket: "+n.NRISocket+"}\n")
	image, ref := containerd.NewImage(t, "hello"), w.host+"/team/app:v1"
	w.must(image.Push(t.Context(), w.host, "team/app", "v1"))
	w.must(n.Import(t.Context(), image, ref))
	pod, err := n.RunPod(t.Context(), "shop-0", nil)
	w.must(err)
	one := containerd.Container{Name: "web", Image: ref}
	if _, err := pod.Create(t.Context(), one); err == nil || !strings.Contains(err.Error(), "not present") {
		t.Errorf("without an agent: %v", err)
	}
	w.start()
	w.soon("the agent is the gate", func() bool { return strings.Contains(w.log.String(), "the start gate is connected") })
	if _, err := pod.Run(t.Context(), one); err == nil || !strings.Contains(err.Error(), "team/app@"+image.Index.String()+" is denied") {
		t.Errorf("nobody signed it: %v", err)
	}
	w.sign(engine.Question{Name: w.host + "/team/app", Digest: image.Index})
	w.soon("it is signed, and starts", func() bool { _, err := pod.Run(t.Context(), one); return err == nil })
	if code, out := w.guard("ps"); code != 0 || !strings.Contains(out, "Pod/shop-0") || !strings.Contains(out, "allowed") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, out := w.guard("where", image.Index.String()); code != 0 || !strings.Contains(out, "web") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, out := w.guard("where", image.Manifest.String()); code != 0 || !strings.Contains(out, "web") {
		t.Errorf("by its platform: exit %d\n%s", code, out)
	}
	if code, out := w.guard("where", containerd.NewImage(t, "another").Manifest.String()); code != 0 || strings.Contains(out, "web") {
		t.Errorf("another one: exit %d\n%s", code, out)
	}
	w.deny(2, image.Index)
	says := func(what string, want int, word string) {
		t.Helper()
		w.soon(what+", and ps says so of what runs", func() bool {
			code, out := w.guard("ps")
			return code == want && strings.Contains(out, word)
		})
	}
	says("it is taken back", 14, "it leaks")
	if code, out := w.guard("where", image.Index.String()); code != 0 || !strings.Contains(out, "web") {
		t.Errorf("what was taken back: exit %d\n%s", code, out)
	}
	if code, out := w.guard("where", image.Manifest.String()); code != 0 || !strings.Contains(out, "web") {
		t.Errorf("what was taken back, by its platform: exit %d\n%s", code, out)
	}
	w.stop()
	w.start() // and nobody tells it any more which platforms there are
	w.soon("it knows again what runs", func() bool { _, out := w.guard("ps"); return strings.Contains(out, "DENIED: ") })
	code, out, stderr := run(t, "where", image.Manifest.String(), "--config", path)
	if code != 17 || strings.Contains(out, "web") || !strings.Contains(stderr, "of 1 more that run here nobody knows now which platforms") {
		t.Errorf("after a restart: exit %d\n%s%s", code, out, stderr)
	}
	w.deny(3)
	says("it is not any more", 0, "allowed")
	w.write("policy.yaml", rules(2, "nothing"))
	says("another policy says no", 14, "nobody says what is in it")
	w.write("policy.yaml", rules(3, "spdx"))
	says("and the next one yes", 0, "allowed")
	w.write("trust.yaml", strings.Replace(read(t, filepath.Join(w.dir, "trust.yaml")), "roles: [release]", "roles: [promoter]", 1))
	says("its signer may not sign any more", 14, "DENIED: ")
}

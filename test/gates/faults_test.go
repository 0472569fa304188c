package gates

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/kube"
)

// good makes an image with evidence as it should be. It is on the node, too.
func (w *world) good() (a ask, i *containerd.Image) {
	w.t.Helper()
	i, name := w.image()
	w.publish(i, name, told{})
	a.image = name + "@" + i.Index.String()
	w.onNode(i, a.image)
	return a, i
}

// bad makes one that nobody signed.
func (w *world) bad() (a ask, i *containerd.Image) {
	w.t.Helper()
	i, name := w.image()
	a.image = name + "@" + i.Index.String()
	w.onNode(i, a.image)
	return a, i
}

// everywhere says whether every gate answers as ok says.
func (w *world) everywhere(a ask, ok func(error) bool) bool {
	for _, err := range w.together(a) {
		if !ok(err) {
			return false
		}
	}
	return true
}

func passes(err error) bool  { return err == nil }
func refuses(err error) bool { return err != nil }

// faults are what goes wrong around the gates. They come one after the other in the life of one agent and one webhook, and each ends with
// everything well again.
func (w *world) faults(t *testing.T) {
	known, _ := w.good()
	w.soon("everything works", func() bool { return w.everywhere(known, passes) })
	for _, part := range []struct {
		name string
		does func(*testing.T, ask)
	}{
		{"deny list stale", w.denyListStale}, {"policy expired", w.policyExpired}, {"registry down", w.registryDown}, {"agent slow", w.agentSlow}, {"agent hung", w.agentHung},
		{"agent killed mid-request", w.killed}, {"agent down", w.agentDown}, {"agent back, registry down", w.back}, {"ephemeral container", w.ephemeral},
	} {
		w.run(part.name, func(t *testing.T) { part.does(t, known) })
	}
}

// denyListStale: a list whose time is over decides nothing, also of what was allowed under it.
func (w *world) denyListStale(t *testing.T, a ask) {
	w.deny(3 * time.Second)
	w.soon("the list's time is over", func() bool { return w.everywhere(a, refuses) })
	w.refused(t, a, []string{a.image + " is denied: ", "deny list"}, nil)
	w.deny(24 * time.Hour)
	w.soon("a newer list counts", func() bool { return w.everywhere(a, passes) })
}

// policyExpired: so does a policy.
func (w *world) policyExpired(t *testing.T, a ask) {
	w.policy("expires: " + time.Now().Add(4*time.Second).UTC().Format(time.RFC3339) + "\n")
	w.soon("the policy's time is over", func() bool { return w.everywhere(a, refuses) })
	w.refused(t, a, []string{a.image + " is denied: ", "expired on"}, nil)
	w.policy("")
	w.soon("a newer policy counts", func() bool { return w.everywhere(a, passes) })
}

// registryDown: what is known stays so, and the rest is refused in words.
func (w *world) registryDown(t *testing.T, known ask) {
	fresh, _ := w.good()
	w.broken(down)
	w.refused(t, fresh, []string{fresh.image + " is denied: ", "503"}, nil)
	t.Run("by its tag", func(t *testing.T) {
		denied(t, w.admission(ask{image: strings.Split(fresh.image, "@")[0] + ":v1"}), "has no digest")
	})
	t.Run("what is known", func(t *testing.T) { w.passes(t, known) })
	w.broken(nil)
	w.soon("the registry is back", func() bool { return w.everywhere(fresh, passes) })
}

// agentSlow: the registry takes longer than any gate has. Each refuses in words before its caller gives up, and the work goes on.
func (w *world) agentSlow(t *testing.T, _ ask) {
	fresh, _ := w.good()
	_, release := w.hangs()
	defer release()
	for gate, err := range w.together(fresh) {
		t.Run(gate, func(t *testing.T) { denied(t, err, fresh.image+" is denied: ", "verdict pending", "try again") })
	}
	release()
	w.soon("the verdict is there", func() bool { return w.everywhere(fresh, passes) })
}

// agentHung: processes that do nothing at all. Nobody is there to refuse in words but the thin client; API server and containerd give up.
func (w *world) agentHung(t *testing.T, known ask) {
	words := map[string]string{"admission": "failed calling webhook", "pull": "is denied: reading the node agent's answer", "start": "deadline exceeded"}
	w.agent.stopped(func() {
		w.hook.stopped(func() {
			for gate, err := range w.together(known) {
				t.Run(gate, func(t *testing.T) { denied(t, err, words[gate]) })
			}
		})
	})
	w.soon("they go on", func() bool { return w.everywhere(known, passes) })
}

// killed: SIGKILL while all three wait for an answer about an image that would pass.
func (w *world) killed(t *testing.T, _ ask) {
	fresh, _ := w.good()
	seen, release := w.hangs()
	defer release()
	var all sync.WaitGroup
	all.Go(func() {
		for range 100 { // agent and webhook ask, and so does the pull's program, whose question the agent has a moment after it is connected
			if seen() >= 2 && w.clients() >= 1 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond)
		for _, s := range []*service{w.agent, w.hook} {
			s.Signal(syscall.SIGKILL)
		}
	})
	words := map[string]string{"admission": "failed calling webhook", "pull": "is denied: reading the node agent's answer", "start": "selfsame"}
	for gate, err := range w.together(fresh) {
		t.Run(gate, func(t *testing.T) { denied(t, err, words[gate]) })
	}
	all.Wait()
	if n := seen(); n < 2 {
		t.Errorf("they were killed over %d questions to the registry: this proves nothing", n)
	}
	<-w.agent.Ended
	<-w.hook.Ended
}

// clients counts the connections that the agent has accepted on its socket.
func (w *world) clients() (n int) {
	text, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(text)) {
		const connected = "03" // SS_CONNECTED; the listener has another state
		if f := strings.Fields(line); len(f) == 8 && f[5] == connected && strings.HasPrefix(f[7], filepath.Join(w.dir, "run/guard.sock")) {
			n++
		}
	}
	return n
}

// agentDown: nobody is there any more. What was allowed a minute ago is refused.
func (w *world) agentDown(t *testing.T, known ask) {
	w.agent.Kill()
	w.hook.Kill()
	// containerd may not have noticed: its first request is what fails then.
	if err := w.start(known); err == nil {
		t.Error("the first start passes")
	}
	w.refused(t, known, nil, map[string]string{"admission": "connection refused", "pull": "is denied: reaching the node agent", "start": `required plugin "selfsame" not present`})
}

// back: both start again while the registry is down, and know what they knew. The image that they were killed over has no verdict.
func (w *world) back(t *testing.T, known ask) {
	w.broken(down)
	defer w.broken(nil)
	w.agent.Kill()
	w.hook.Kill()
	w.startAgent()
	w.startUp()
	w.soon("both serve", func() bool { return w.admission(known) == nil && w.pull(known) == nil })
	w.passes(t, known)
	w.broken(nil)
	fresh, _ := w.good()
	w.broken(down)
	t.Run("and the rest", func(t *testing.T) { w.refused(t, fresh, []string{" is denied: "}, nil) })
}

// ephemeral: a container that is added to a running pod. The API server has a subresource for it; the node makes it as any other.
func (w *world) ephemeral(t *testing.T, known ask) {
	bad, _ := w.bad()
	pods := kube.Pods("default")
	w.must(w.api.Create(t.Context(), pods, kube.Pod("debugged", known.image), nil))
	t.Cleanup(func() { _ = w.api.Delete(context.WithoutCancel(t.Context()), pods+"/debugged") })
	add := func(image string) error {
		patch := map[string]any{"spec": map[string]any{"ephemeralContainers": []any{map[string]any{"name": "debug", "image": image}}}}
		return w.api.Patch(t.Context(), pods+"/debugged/ephemeralcontainers", kube.Strategic, patch, nil)
	}
	t.Run("admission", func(t *testing.T) {
		denied(t, add(bad.image), "ephemeral container debug: "+bad.image+" is denied: ")
		if err := add(known.image); err != nil {
			t.Error(err)
		}
	})
	t.Run("pull", func(t *testing.T) { denied(t, w.pull(bad), bad.image+" is denied: ") })
	t.Run("start", func(t *testing.T) { denied(t, w.start(bad), bad.image+" is denied: ") })
}

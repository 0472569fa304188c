package guardcli_test

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// TestAgent is an agent's life, at a real registry.
func TestAgent(t *testing.T) {
	w := newWorld(t)
	good, bare := w.push("team/shop"), w.push("team/bare")
	w.sign(good)
	if code, out := w.guard("check"); code != 0 || !strings.Contains(out, ": ok") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	w.start()
	if code, out := w.guard("ps"); code != 0 || !strings.Contains(out, "NAMESPACE") {
		t.Errorf("ps: exit %d\n%s", code, out)
	}
	if code, out := w.guard("where", good.Digest.String(), "--json"); code != 0 || !strings.Contains(out, `"containers":[]`) {
		t.Errorf("where: exit %d\n%s", code, out)
	}

	// However many ask, the registry is asked for the evidence of an image once: as often as when one asks.
	alone := w.push("team/alone")
	w.agent.Ask(t.Context(), alone)
	once := w.asked(alone.Digest)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if a := w.agent.Ask(t.Context(), good); !a.Allow {
				t.Error(a.Denial())
			}
		})
	}
	all.Wait()
	if n := w.asked(good.Digest); n != once || n == 0 {
		t.Errorf("the registry was asked %d times, and %d times when one asked", n, once)
	}
	if a := w.agent.Ask(t.Context(), bare); a.Allow || !strings.Contains(a.Denial(), "fix: ") {
		t.Errorf("nobody signed it: %s", a.Denial())
	}
	w.sign(bare)
	w.soon("what was missing has come", func() bool { return w.agent.Ask(t.Context(), bare).Allow })

	// A change of the deny list, or of the policy, counts without a restart.
	w.deny(2, good.Digest)
	w.soon("it is denied", func() bool { a := w.agent.Ask(t.Context(), good); return !a.Allow && a.Class == engine.ClassDenied })
	if a := w.agent.Ask(t.Context(), good); !strings.Contains(a.Denial(), "it leaks") {
		t.Error(a.Denial())
	}
	w.glass(good)
	w.glass(bare) // replaces it; the one before was never of use
	w.deny(3)
	w.soon("it is allowed again", func() bool { return w.agent.Ask(t.Context(), good).Allow })
	w.write("policy.yaml", "policy: v1\n")
	if code, _, said := run(t, "check", "--config", w.dir+"/guard.yaml"); code != 10 || !strings.Contains(said, "policy.yaml") {
		t.Errorf("check of a broken policy: exit %d\n%s", code, said)
	}
	w.write("policy.yaml", rules(2, "nothing"))
	w.soon("the policy says no", func() bool { return !w.agent.Ask(t.Context(), good).Allow })

	// Break-glass lets one image through, and is seen.
	w.soon("glass is broken", func() bool { a := w.agent.Ask(t.Context(), bare); return a.Allow && a.Class == engine.ClassBreakGlass })
	if code, out := w.guard("break-glass", "list"); code != 0 || !strings.Contains(out, "incident 4711") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if err := os.Remove(w.dir + "/glass/a.json"); err != nil {
		t.Fatal(err)
	}
	w.soon("glass is whole again", func() bool { return !w.agent.Ask(t.Context(), bare).Allow })
	w.write("policy.yaml", rules(1, "spdx"))
	w.soon("an older policy is refused", func() bool { return strings.Contains(w.log.String(), "is older than version 2") })
	if code := w.stop(); code != 130 && code != 1 {
		t.Errorf("exit %d", code)
	}
	lines := 0
	for line := range strings.Lines(w.log.String()) {
		var d engine.Decision
		if strings.HasPrefix(line, "{") {
			if lines++; json.Unmarshal([]byte(line), &d) != nil || d.Policy.Name != "prod" {
				t.Errorf("%s", line)
			}
		}
	}
	if lines < 200 || !strings.Contains(w.log.String(), "BREAK-GLASS until ") {
		t.Errorf("%d decisions", lines)
	}
}

// TestAgentRestart: the registry is down, and what was known is known.
func TestAgentRestart(t *testing.T) {
	w := newWorld(t)
	good, other := w.push("team/shop"), w.push("team/other")
	w.sign(good)
	w.start()
	if a := w.agent.Ask(t.Context(), good); !a.Allow {
		t.Fatal(a.Denial())
	}
	w.stop()
	w.down.Store(true)
	began := time.Now()
	w.start()
	t.Logf("serving and deciding after %s", time.Since(began))
	if a := w.agent.Ask(t.Context(), good); !a.Allow || !a.Cached {
		t.Errorf("warm: %s", a.Denial())
	}
	if a := w.agent.Ask(t.Context(), other); a.Allow || a.Class != engine.ClassUndecided {
		t.Errorf("cold: %+v", a)
	}
	w.stop()
	w.write("trust.yaml", strings.Replace(read(t, w.dir+"/trust.yaml"), "  revoker:", "  someone: {keys: [release.pub], roles: [promoter]}\n  revoker:", 1))
	w.start()
	if a := w.agent.Ask(t.Context(), good); a.Allow {
		t.Error("evidence counts that was verified by another trust file")
	}
}

// TestAgentWithoutTrust: it serves, and denies in words.
func TestAgentWithoutTrust(t *testing.T) {
	w := newWorld(t)
	good := w.push("team/shop")
	w.sign(good)
	whole := read(t, w.dir+"/denylist.json")
	w.write("denylist.json", "{}")
	began := time.Now()
	go w.start()
	w.soon("it serves", func() bool {
		a := w.agent.Ask(t.Context(), good)
		return !a.Allow && strings.Contains(a.Denial(), "deny list")
	})
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("serving after %s", took)
	}
	w.write("denylist.json", whole)
	w.soon("it decides", func() bool { return w.agent.Ask(t.Context(), good).Allow })
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // below the test's folder
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

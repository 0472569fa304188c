package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

func TestNewPolicyJudgesWhatIsKept(t *testing.T) {
	w := newWorld(t)
	w.want("before", good, true, engine.ClassOK, false, 1)
	changed := w.Changed()
	w.write(text(2, `signatures.exists(s, s.signer == "somebody else")`, ""))
	check(t, w.Refresh(t.Context()))
	<-changed
	if !w.noticed("images judged again: 1; denied now: 1, allowed now: 0") {
		t.Errorf("%q", w.notices)
	}
	if a := w.want("after, without the registry", good, false, engine.ClassRule, true, 1); a.By.Version != 2 {
		t.Errorf("%+v", a.By)
	}
}

// TestOnePolicyWithAnotherEnd: how long a signed policy counts is also the trust file's to say.
func TestOnePolicyWithAnotherEnd(t *testing.T) {
	end := start.Add(20 * time.Minute)
	w := newWorld(t, func(c *engine.Config) {
		source := c.Policy
		c.Policy = func(ctx context.Context) (*policy.Policy, error) {
			p, err := source(ctx)
			return p.EndingBy(end), err
		}
	})
	w.want("before", good, true, engine.ClassOK, false, 1)
	end = start.Add(40 * time.Minute)
	check(t, w.Refresh(t.Context()))
	w.pass(30 * time.Minute)
	w.want("it ends later now", good, true, engine.ClassOK, false, 2)
	end = start.Add(35 * time.Minute)
	check(t, w.Refresh(t.Context()))
	w.pass(5 * time.Minute)
	w.want("it ends sooner now", good, false, engine.ClassRule, false, 3)
}

// TestVerdictIsCarried: a policy that says the same of an image as the one before needs no evidence to say it again, and its answers bear its
// own edition; one that says something else, or a verdict that has ended, needs it.
func TestVerdictIsCarried(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) { c.Memory = 1 }) // no evidence is kept
	w.want("before", good, true, engine.ClassOK, false, 1)
	other := "  - {name: other, match: [\"registry.example.net/**\"], require: \"true == summary.reproduced\", message: m, fix: f}\n"
	w.write(text(2, signed, "") + other)
	check(t, w.Refresh(t.Context()))
	if a := w.want("the same about it", good, true, engine.ClassOK, true, 1); a.By.Version != 2 {
		t.Errorf("policy %d", a.By.Version)
	}
	w.write(strings.Replace(text(3, signed, ""), "nobody that we know", "nobody", 1) + other)
	check(t, w.Refresh(t.Context()))
	w.write(strings.Replace(text(4, signed, ""), "nobody that we know", "nobody", 1)) // as the one before, which has not judged it
	check(t, w.Refresh(t.Context()))
	if a := w.want("another rule about it", good, true, engine.ClassOK, false, 2); a.By.Version != 4 {
		t.Errorf("policy %d", a.By.Version)
	}
	w.write(text(5, signed+` && now > timestamp("2026-01-01T00:00:00Z")`, ""))
	check(t, w.Refresh(t.Context()))
	w.want("one that looks at the time", good, true, engine.ClassOK, false, 3)
	w.write(text(6, signed+` && now > timestamp("2026-01-01T00:00:00Z")`, "") + other)
	w.pass(59 * time.Second)
	check(t, w.Refresh(t.Context()))
	w.want("its verdict has not ended", good, true, engine.ClassOK, true, 3)
	w.pass(2 * time.Second)
	w.write(text(7, signed+` && now > timestamp("2026-01-01T00:00:00Z")`, ""))
	check(t, w.Refresh(t.Context()))
	w.want("its verdict has ended", good, true, engine.ClassOK, false, 4)
}

func TestBadPolicyIsNotTaken(t *testing.T) {
	for name, c := range map[string]struct{ policy, want string }{
		"not YAML":         {"policy: [", "reading the policy"},
		"an unknown key":   {text(2, signed, "") + "    allow: true\n", "unknown key"},
		"an older one":     {text(1, "true", ""), "is older than version 3"},
		"one that is over": {text(4, "true", "expires: 2026-11-28T11:00:00Z\n"), "was over"},
	} {
		w := newWorld(t)
		w.write(text(3, signed, ""))
		check(t, w.Refresh(t.Context()))
		w.write(c.policy)
		if err := w.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if a := w.want(name, evil, false, engine.ClassRule, false, 1); a.By.Version != 3 {
			t.Errorf("%s: policy %d", name, a.By.Version)
		}
	}
}

func TestPolicyEnds(t *testing.T) {
	w := newWorld(t)
	w.write(text(2, signed, "expires: 2026-11-28T12:00:30Z\n"))
	check(t, w.Refresh(t.Context()))
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.pass(30 * time.Second)
	if a := w.ask(good); a.Allow || !strings.Contains(a.Denial(), "expired on") {
		t.Errorf("after: %+v", a)
	}
}

func TestTrustThatCannotBeReadStays(t *testing.T) {
	w := newWorld(t)
	w.f.set(func(f *fake) { f.refused = fmt.Errorf("the deny list is older than seen"); f.next.Deny = 9 })
	if err := w.Refresh(t.Context()); err == nil {
		t.Error("nobody is told")
	}
	if a := w.want("as before", good, true, engine.ClassOK, false, 1); a.Epoch.Deny != 1 {
		t.Errorf("%+v", a.Epoch)
	}
}

// TestPolicySwappedUnderLoad: each answer is wholly the old policy's or wholly the new one's. Run it with the race detector.
func TestPolicySwappedUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.f.gather = func(context.Context, digest.Digest) { time.Sleep(20 * time.Millisecond) }
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a := w.ask(good)
				if a.Allow != (a.By.Version%2 == 1) {
					t.Errorf("version %d: allow %t, %s", a.By.Version, a.Allow, a.Denial())
					return
				}
			}
		})
	}
	swaps := 40
	if testing.Short() {
		swaps = 8 // the race detector is slow, and needs few
	}
	for v := 2; v < swaps && !t.Failed(); v++ {
		rule := signed
		if v%2 == 0 {
			rule = "signatures.size() > 5"
		}
		w.write(text(v, rule, ""))
		check(t, w.Refresh(t.Context()))
	}
	close(stop)
	all.Wait()
	if n := w.f.total(); n != 1 {
		t.Errorf("%d gatherings: a new policy decides over kept evidence", n)
	}
}

// TestPolicyChangesWhileGathering: what is being gathered serves both policies.
func TestPolicyChangesWhileGathering(t *testing.T) {
	w := newWorld(t)
	begun, release := make(chan struct{}), make(chan struct{})
	w.f.gather = func(context.Context, digest.Digest) { begun <- struct{}{}; <-release }
	var all sync.WaitGroup
	ask := func(version int) {
		all.Go(func() {
			if a := w.ask(good); a.By.Version != version || a.Allow != (version == 1) {
				t.Errorf("version %d, allow %t; want version %d", a.By.Version, a.Allow, version)
			}
		})
	}
	ask(1)
	<-begun
	w.write(text(2, "signatures.size() > 5", ""))
	check(t, w.Refresh(t.Context()))
	ask(2)
	select {
	case <-begun:
		t.Error("gathered twice")
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	all.Wait()
}

func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	w.write(text(2, signed, "expires: 2026-11-28T13:00:00Z\n"))
	check(t, w.Refresh(t.Context()))
	w.pass(2 * time.Hour)
	w.want("the policy is over", good, false, engine.ClassRule, false, 1)
	w.mu.Lock()
	w.back = 3 * time.Hour
	w.mu.Unlock()
	if a := w.ask(good); a.Allow {
		t.Error("setting the clock back revives a policy")
	}
	if !w.noticed("the clock was set back") {
		t.Errorf("%q", w.notices)
	}
}

func TestDecisionLog(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x\n\x1b[31m", 10_000)
	w.Ask(t.Context(), engine.Question{Name: shop, Digest: evil, Who: engine.Who{Gate: engine.GateAdmission, Namespace: "team", Workload: "Pod/shop-0", User: long, Reference: long}})
	w.Ask(t.Context(), engine.Question{Name: long, Digest: digest.Digest(long), Who: engine.Who{Gate: engine.Gate(long)}})
	w.ask(good)
	w.Close()
	lines := bytes.Split(bytes.TrimSpace(w.log.Bytes()), []byte("\n"))
	if len(lines) != 3 {
		t.Fatalf("%d lines\n%s", len(lines), w.log.Bytes())
	}
	var got []engine.Decision
	for _, l := range lines {
		var d engine.Decision
		if err := json.Unmarshal(l, &d); err != nil || len(l) > 6000 {
			t.Errorf("%d bytes, %v", len(l), err)
		}
		got = append(got, d)
	}
	d := got[0]
	if d.Allow || d.Class != engine.ClassRule || d.Image != shop+"@"+evil.String() || d.Who.Namespace != "team" || len(d.Rules) != 1 || d.Rules[0] != "signed: fail" ||
		len(d.Reasons) != 1 || d.Policy.Version != 1 || d.Epoch.Deny != 1 || d.Cached || !d.Time.Equal(start) {
		t.Errorf("%+v", d)
	}
	if !got[2].Allow || got[2].Class != engine.ClassOK || got[2].Rules[0] != "signed: pass" {
		t.Errorf("%+v", got[2])
	}
}

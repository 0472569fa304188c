package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

func TestWarm(t *testing.T) {
	w := newWorld(t)
	w.want("cold", good, true, engine.ClassOK, false, 1)
	w.want("warm", good, true, engine.ClassOK, true, 1)
	w.pass(59 * time.Second)
	w.want("still fresh", good, true, engine.ClassOK, true, 1)
	w.pass(time.Second)
	w.want("due", good, true, engine.ClassOK, false, 2)
	w.want("unsigned", evil, false, engine.ClassRule, false, 3)
	w.want("unsigned, again", evil, false, engine.ClassRule, true, 3)
	w.pass(10 * time.Second)
	w.want("unsigned, seconds later", evil, false, engine.ClassRule, false, 4)
}

// TestObjectedAndGone: whoever knows an image by several digests has to tell what speaks against it from what says nothing of it.
func TestObjectedAndGone(t *testing.T) {
	w := newWorld(t)
	w.f.change = func(ev *policy.Evidence) {
		ev.Blocks = []policy.Block{{Verdict: "not-reproduced", Reason: "reproduced: a rebuild differed", ExitCode: 14}}
	}
	if d := w.want("somebody objects", good, false, engine.ClassObjected, false, 1).Denial(); !strings.Contains(d, "a rebuild differed") || !strings.Contains(d, "fix: use another version, or have somebody answer") {
		t.Error(d)
	}
	w.f.err = fmt.Errorf("reading it: %w", policy.ErrGone)
	w.want("its registry does not have it", evil, false, engine.ClassGone, false, 2)
	w.want("its registry does not have it, again", evil, false, engine.ClassGone, true, 2)
	w.f.err = errDown
	w.want("its registry is down", digest.FromString("x"), false, engine.ClassUndecided, false, 3)
	w.f.err = diag.Errorf("A0513", "a bundle, or the deny list: not found")
	w.want("something else is not there", digest.FromString("y"), false, engine.ClassUndecided, false, 4)
}

func TestOneGatheringHoweverManyAsk(t *testing.T) {
	w := newWorld(t)
	w.f.gather = func(context.Context, digest.Digest) { time.Sleep(200 * time.Millisecond) } // so that all wait for it
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if a := w.ask(good); !a.Allow {
				t.Error(a.Denial())
			}
		})
	}
	all.Wait()
	if n := w.f.total(); n != 1 {
		t.Errorf("%d gatherings", n)
	}
}

func TestDeadlineDeniesInWordsAndWorkGoesOn(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.f.gather = func(context.Context, digest.Digest) { <-release }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	a := w.Ask(ctx, engine.Question{Name: shop, Digest: good})
	if a.Allow || a.Class != engine.ClassPending || a.ExitCode != 17 || !strings.Contains(a.Denial(), "verdict pending") || !strings.Contains(a.Denial(), "fix: try again") {
		t.Errorf("%+v", a)
	}
	close(release)
	if a := w.ask(good); !a.Allow || w.f.total() != 1 { // it joins the flight, or finds what that left
		t.Errorf("again, %d gatherings: %s", w.f.total(), a.Denial())
	}
}

func TestRegistryDown(t *testing.T) {
	w := newWorld(t)
	w.want("cold", good, true, engine.ClassOK, false, 1)
	w.f.set(func(f *fake) { f.err = errDown })
	w.want("warm", good, true, engine.ClassOK, true, 1)
	if a := w.want("cold and down", evil, false, engine.ClassUndecided, false, 2); !strings.Contains(a.Denial(), "connection refused") || a.ExitCode != 17 {
		t.Error(a.Denial())
	}
	w.want("a failure is kept", evil, false, engine.ClassUndecided, true, 2)
	w.pass(10 * time.Second)
	w.want("for seconds", evil, false, engine.ClassUndecided, false, 3)
	w.pass(time.Minute)
	w.want("due and down: what is known counts", good, true, engine.ClassOK, true, 4)
	w.want("and is not tried again at once", good, true, engine.ClassOK, true, 4)
	w.pass(time.Hour)
	w.want("but not for ever", good, false, engine.ClassUndecided, false, 5)
	w.f.set(func(f *fake) { f.err = nil })
	w.pass(10 * time.Second)
	w.want("up again", good, true, engine.ClassOK, false, 6)
}

func TestRegistryHangs(t *testing.T) {
	w := newWorld(t)
	w.want("cold", good, true, engine.ClassOK, false, 1)
	w.pass(2 * time.Minute)
	w.f.set(func(f *fake) { f.gather = func(ctx context.Context, _ digest.Digest) { <-ctx.Done() }; f.err = errDown })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if a := w.Ask(ctx, engine.Question{Name: shop, Digest: good}); !a.Allow || !a.Cached {
		t.Errorf("what is known does not count while the registry hangs: %s", a.Denial())
	}
}

func TestEvidenceEnds(t *testing.T) {
	w := newWorld(t)
	w.f.ends = start.Add(30 * time.Second)
	if a := w.want("cold", good, true, engine.ClassOK, false, 1); !a.NotAfter.Equal(w.f.ends) {
		t.Errorf("the verdict ends at %s", a.NotAfter)
	}
	w.pass(30 * time.Second)
	w.want("ended", good, false, engine.ClassUndecided, false, 2) // the certificate is over, and so is what is gathered anew
}

func TestPolicyThatLooksAtTheTime(t *testing.T) {
	w := newWorld(t)
	w.write(text(2, `signatures.exists(s, now - s.time < duration("61m"))`, ""))
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.config.Fresh = time.Hour
	w.Close()
	w.open()
	w.want("cold", good, true, engine.ClassOK, false, 1)
	w.pass(59 * time.Second)
	w.want("within the minute", good, true, engine.ClassOK, true, 1)
	w.pass(2 * time.Second)
	w.want("decided anew over kept evidence", good, false, engine.ClassRule, false, 2) // refused, so the registry is asked too
}

func TestDenyListGrows(t *testing.T) {
	w := newWorld(t)
	w.want("before", good, true, engine.ClassOK, false, 1)
	changed := w.Changed()
	w.f.set(func(f *fake) { f.denied[good] = true; f.next.Deny = 2 })
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told")
	}
	a := w.want("after", good, false, engine.ClassDenied, false, 2)
	if a.Epoch.Deny != 2 || !strings.Contains(a.Denial(), "leaks keys") || !strings.Contains(a.Denial(), "the deny list goes before its rules") {
		t.Errorf("%+v\n%s", a.Epoch, a.Denial())
	}
}

func TestEpochMovesWhileGathering(t *testing.T) {
	w := newWorld(t)
	w.f.gather = func(context.Context, digest.Digest) {
		w.f.set(func(f *fake) {
			f.epoch = engine.Epoch{Trust: "t2", Deny: 2}
			f.gather = nil
		})
	}
	if a := w.want("moved once", good, true, engine.ClassOK, false, 2); a.Epoch.Deny != 2 {
		t.Errorf("answered for %+v", a.Epoch)
	}
	w.f.set(func(f *fake) {
		f.gather = func(context.Context, digest.Digest) { w.f.set(func(f *fake) { f.epoch.Deny++ }) }
	})
	w.want("never at rest", evil, false, engine.ClassUndecided, false, 5)
}

func TestOutOfScopeAsksNobody(t *testing.T) {
	w := newWorld(t)
	a := w.Ask(t.Context(), engine.Question{Name: "evil.example.net/x", Digest: good})
	if a.Allow || a.Class != engine.ClassRule || w.f.total() != 0 {
		t.Errorf("%+v, %d gatherings", a, w.f.total())
	}
}

func TestBadQuestions(t *testing.T) {
	w := newWorld(t)
	for name, q := range map[string]engine.Question{
		"nothing":          {},
		"no digest":        {Name: shop},
		"a tag":            {Name: shop + ":v1", Digest: good},
		"a digest in name": {Name: shop + "@" + good.String(), Digest: good},
		"short name":       {Name: "debian", Digest: good},
		"upper case":       {Name: "registry.example.com/Team/shop", Digest: good},
		"sha512":           {Name: shop, Digest: "sha512:" + digest.Digest(strings.Repeat("a", 128))},
		"short digest":     {Name: shop, Digest: "sha256:aa"},
		"long":             {Name: "registry.example.com/" + strings.Repeat("a", 1<<20), Digest: good},
		"control":          {Name: "registry.example.com/a\nb", Digest: good},
	} {
		a := w.Ask(t.Context(), q)
		if a.Allow || a.Class != engine.ClassUsage || a.ExitCode != 10 || w.f.total() != 0 {
			t.Errorf("%s: %+v", name, a)
		}
		if lines := strings.Split(a.Denial(), "\n"); len(lines) != 3 || len(a.Denial()) > 2000 {
			t.Errorf("%s: %q", name, a.Denial())
		}
	}
}

func TestGathererThatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.f.gather = func(context.Context, digest.Digest) { panic("a bug") }
	w.want("panics", good, false, engine.ClassUndecided, false, 1)
	w.f.set(func(f *fake) { f.gather = nil })
	w.want("others go on", evil, false, engine.ClassRule, false, 2)
	w.config.Gatherer = other{w.f}
	w.Close()
	w.open()
	w.want("evidence of another image", good, false, engine.ClassUndecided, false, 3)
}

// other answers with another image's evidence.
type other struct{ *fake }

func (o other) Gather(ctx context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	ev, err := o.fake.Gather(ctx, name, d)
	ev.Image.Digest = evil.String()
	return ev, err
}

func TestTooManyAtOnce(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) { c.Gathers = 1 })
	release := make(chan struct{})
	w.f.gather = func(context.Context, digest.Digest) { <-release }
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var qs []engine.Question
	for i := range 200 {
		qs = append(qs, engine.Question{Name: shop, Digest: digest.FromString(fmt.Sprint(i))})
	}
	classes := map[engine.Class]int{}
	for _, a := range w.AskAll(ctx, qs) {
		classes[a.Class]++
	}
	for range 2 { // those who ask when the queue is full are told so at once
		a := w.Ask(t.Context(), engine.Question{Name: shop, Digest: good})
		classes[a.Class]++
	}
	close(release)
	if classes[engine.ClassBusy] < 2 || classes[engine.ClassPending] < 64 || classes[engine.ClassOK] > 0 {
		t.Errorf("%v", classes)
	}
}

func TestDenial(t *testing.T) {
	w := newWorld(t)
	want := shop + "@" + evil.String() + " is denied: signed: nobody that we know signed it\nby policy prod, version 1, rule signed\nfix: sign it with the release key"
	if got := w.ask(evil).Denial(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := w.ask(good).Denial(); got != "" {
		t.Errorf("allowed, and yet: %q", got)
	}
}

// TestDenialKeepsTheCause: a long chain of errors is cut in the middle, because its end says what is wrong.
func TestDenialKeepsTheCause(t *testing.T) {
	w := newWorld(t)
	w.f.set(func(f *fake) {
		f.err = errors.New("reading image: " + strings.Repeat("reading manifest ä of it: ", 30) + "503 Service Unavailable")
	})
	first, _, _ := strings.Cut(w.ask(good).Denial(), "\n")
	if !strings.HasPrefix(first, shop+"@"+good.String()+" is denied: reading image: reading") || !strings.HasSuffix(first, "of it: 503 Service Unavailable") || !strings.Contains(first, " ... ") || len(first) > 400 || !utf8.ValidString(first) {
		t.Errorf("%d bytes: %s", len(first), first)
	}
}

// TestVerdictThatEnded: when the registry hangs, what is known is given, but no verdict that has ended: here the policy has, half an hour ago,
// and the evidence over which it could be decided anew had to leave the memory.
func TestVerdictThatEnded(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) { c.Memory = 1 })
	w.write(text(2, signed, "expires: 2026-11-28T12:00:30Z\n"))
	check(t, w.Refresh(t.Context()))
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.pass(30 * time.Minute)
	w.f.set(func(f *fake) { f.gather = func(ctx context.Context, _ digest.Digest) { <-ctx.Done() } })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if a := w.Ask(ctx, engine.Question{Name: shop, Digest: good}); a.Allow || a.Class != engine.ClassPending {
		t.Errorf("allowed %t, class %s, until %s", a.Allow, a.Class, a.NotAfter)
	}
}

// TestVerdictEndsWhileAsking: the time is looked at once more before an answer is given.
func TestVerdictEndsWhileAsking(t *testing.T) {
	w := newWorld(t)
	w.write(text(2, signed, "expires: 2026-11-28T12:00:30Z\n"))
	check(t, w.Refresh(t.Context()))
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.pass(28 * time.Second)
	w.reads = func() { w.now += time.Second } // each look at the clock takes a second: it is decided at 29 s, and answered at 30 s
	if a := w.ask(good); a.Allow || a.Class != engine.ClassPending || !strings.Contains(a.Denial(), "has ended") {
		t.Errorf("allowed %t, class %s\n%s", a.Allow, a.Class, a.Denial())
	}
}

// blocked is a log that takes nothing until it is let.
type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) {
	<-b
	return len(p), nil
}

// TestBlockedLog: a log that hangs holds up neither decisions nor a gate's own lines.
func TestBlockedLog(t *testing.T) {
	log := make(blocked)
	w := newWorld(t, func(c *engine.Config) { c.Decisions = log })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5000 {
			w.Log([]byte("{}\n"))
		}
		w.ask(good)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("who writes a line waits for the log")
	}
	close(log)
}

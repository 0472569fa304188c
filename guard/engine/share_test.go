package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// TestGuestsFillTheirShare: users who may ask have a registry that hangs fill their own part of the queue, and a gate's questions go on being
// answered: about other images, and about the very ones that guests wait for.
func TestGuestsFillTheirShare(t *testing.T) {
	release, hang := make(chan struct{}), true
	w := newWorld(t, func(c *engine.Config) { c.Gathers = 4 }) // a queue of 256: 128 for guests, 32 for one of them
	t.Cleanup(func() { close(release) })
	w.f.signed = true
	w.f.set(func(f *fake) {
		f.gather = func(context.Context, digest.Digest) {
			f.mu.Lock()
			wait := hang
			f.mu.Unlock()
			if wait {
				<-release
			}
		}
	})
	image := func(uid, n int) digest.Digest { return digest.FromString(fmt.Sprint(uid, n)) }
	ask := func(uid, n int) (busy, pending int) {
		t.Helper()
		var qs []engine.Question
		for i := range n {
			qs = append(qs, engine.Question{Name: shop, Digest: image(uid, i)})
		}
		ctx, cancel := context.WithTimeout(engine.WithGuest(t.Context(), uid), 100*time.Millisecond)
		defer cancel()
		for _, a := range w.AskAll(ctx, qs) {
			switch a.Class {
			case engine.ClassBusy:
				busy++
				if !strings.Contains(a.Denial(), "too many images are being verified for this user") {
					t.Error(a.Denial())
				}
			case engine.ClassPending:
				pending++
			}
		}
		return busy, pending
	}
	if busy, pending := ask(1001, 40); busy != 8 || pending != 32 {
		t.Errorf("one of them: %d busy, %d pending", busy, pending)
	}
	if busy, pending := ask(1001, 40); busy != 40 || pending != 0 { // nobody waits any more, and the work goes on
		t.Errorf("the same again: %d busy, %d pending", busy, pending)
	}
	for uid := 1002; uid <= 1004; uid++ {
		ask(uid, 32)
	}
	if busy, pending := ask(1005, 4); busy != 4 || pending != 0 {
		t.Errorf("a fifth one: %d busy, %d pending", busy, pending)
	}

	w.f.set(func(*fake) { hang = false }) // for what is gathered from now on
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for what, d := range map[string]digest.Digest{"another image": good, "what a guest has under way": image(1001, 0), "what a guest waits for": image(1004, 31)} {
		if a := w.Ask(ctx, engine.Question{Name: shop, Digest: d}); !a.Allow {
			t.Errorf("%s: %s", what, a.Denial())
		}
	}
	// What is known costs nothing, whoever asks.
	if a := w.Ask(engine.WithGuest(ctx, 1001), engine.Question{Name: shop, Digest: good}); !a.Allow || !a.Cached {
		t.Errorf("what is known: %+v", a)
	}
}

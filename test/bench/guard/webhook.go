package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
)

const (
	seconds = 10 // of load
	pods    = 20 // cold ones
)

// hook is a webhook that serves.
type hook struct {
	caller *caller
	pair   string
	ca     []byte
	pid    int
	start  time.Duration // until it was ready
	stop   func()
}

// serveHook starts `selfsame-guard webhook` with nothing kept, and waits until it is ready.
func (w *world) serveHook(ctx context.Context, program string) (*hook, error) {
	pair := filepath.Join(w.dir, "pair")
	made := exec.CommandContext(ctx, program, "certificate", "--out", pair, "--name", "127.0.0.1", "--quiet") //nolint:gosec // the flag's
	if out, err := made.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	ca, err := os.ReadFile(filepath.Join(pair, "ca.crt"))
	if err != nil {
		return nil, err
	}
	at, err := free()
	if err != nil {
		return nil, err
	}
	probes, err := free()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "webhook", "--config", filepath.Join(w.dir, "webhook.yaml"), "--tls-cert", pair+"/tls.crt", "--tls-key", pair+"/tls.key", //nolint:gosec // the flag's
		"--listen", at, "--health-listen", probes, "--quiet")
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &hook{caller: newCaller(at, ca), pair: pair, ca: ca, pid: cmd.Process.Pid, stop: func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }}
	err = soon(func() error {
		resp, err := http.Get("http://" + probes + "/readyz") //nolint:gosec,noctx // of this machine
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		h.stop()
		return nil, fmt.Errorf("the webhook is not ready: %w", err)
	}
	h.start = time.Since(began)
	return h, nil
}

// ask is one pod's reviews, of which an API server sends the second when the first is answered.
type ask []*prepared

func (h *hook) mutate(body string) *prepared   { return h.caller.prepare("/mutate?timeout=5s", body) }
func (h *hook) validate(body string) *prepared { return h.caller.prepare("/validate?timeout=5s", body) }

// admit has one pod reviewed. number is that of the review.
func (h *hook) admit(ctx context.Context, pod ask, number int) error {
	for _, r := range pod {
		if err := h.caller.post(ctx, r, number); err != nil {
			return err
		}
	}
	return nil
}

// admission measures the webhook: whole pods when nothing is known, then many when all is.
func admission(ctx context.Context, t *table, w *world, program string, all []engine.Question, rate int) error {
	h, err := w.serveHook(ctx, program)
	if err != nil {
		return err
	}
	defer h.stop()
	t.head("admission: `selfsame-guard webhook`, HTTPS as API servers speak it")
	t.aim("started, ready, policy in force", short(h.start), "< 1 s", h.start < time.Second)
	if err := coldPods(ctx, t, w, h); err != nil {
		return err
	}
	unseen, err := w.fresh(ctx, "reviewed/shop", len(all))
	if err == nil {
		_, err = coldImages(ctx, t, w, single(h.review), "a pod of one image", unseen)
	}
	if err != nil {
		return err
	}
	idle, err := control(ctx, h)
	if err != nil {
		return err
	}
	defer idle.stop()
	if err := seldom(ctx, t, idle, unseen); err != nil {
		return err
	}
	bodies := make([]string, len(all))
	for i, q := range all {
		bodies[i] = pod(q.Name+"@"+q.Digest.String(), q.Name+"@"+q.Digest.String())
		if err := h.admit(ctx, h.both(bodies[i]), i); err != nil {
			return err
		}
	}
	before := w.requests.Load()
	for _, m := range []struct {
		what string
		at   *hook
		asks func(*hook, string) ask
		aim  bool
	}{
		{"  a server that says yes to everything, the same load", idle, (*hook).both, false},
		{fmt.Sprintf("warm, %d pods a second: /mutate and /validate together", rate), h, (*hook).both, true},
		{"  a server that says yes to everything, the same load again", idle, (*hook).both, false},
		{fmt.Sprintf("warm, %d validating reviews a second", rate), h, (*hook).second, true},
	} {
		asks := make([]ask, len(bodies))
		for i, body := range bodies {
			asks[i] = m.asks(m.at, body)
		}
		if err := m.at.loaded(ctx, t, m.what, asks, rate, m.aim); err != nil {
			return err
		}
	}
	t.row("  requests to the registry", fmt.Sprint(w.requests.Load()-before))
	t.memory("memory of the webhook", h.pid)
	return nil
}

// both is what an API server sends for one pod.
func (h *hook) both(body string) ask   { return ask{h.mutate(body), h.validate(body)} }
func (h *hook) second(body string) ask { return ask{h.validate(body)} }

// loaded measures a server under load, and who made it.
func (h *hook) loaded(ctx context.Context, t *table, what string, asks []ask, rate int, aim bool) error {
	call := func(ctx context.Context, i int) error { return h.admit(ctx, asks[i%len(asks)], i) }
	if _, err := load(ctx, rate, rate/4, call); err != nil { // for connections
		return err
	}
	used := processor(h.pid)
	got, err := load(ctx, rate, rate*seconds, call)
	if err != nil {
		return err
	}
	used = (processor(h.pid) - used) / time.Duration(rate*seconds)
	value := fmt.Sprintf("%s (CPU %s each)", got.took, short(used))
	if got.failed > 0 {
		value += fmt.Sprintf(", %d FAILED: %v", got.failed, got.why)
	}
	if aim { // it is for 1,000 a second
		t.aim(what, value, "p99 < 5 ms", got.failed == 0 && rate >= 1000 && got.took.at(.99) < 5*time.Millisecond)
	} else {
		t.row(what, value)
	}
	t.row("    of that the load's own: how late it was, what it used", fmt.Sprintf("%s (CPU %s each)", got.late, short(got.used)))
	return nil
}

// review asks about an image as an API server does about a pod of it, in the phase that verifies.
func (h *hook) review(ctx context.Context, q engine.Question) error {
	return h.caller.post(ctx, h.validate(pod(q.Name+"@"+q.Digest.String())), 0)
}

// seldom asks a server that says yes to everything as rarely as one is asked that waits for a registry far away: what speaking to it costs two
// processes whose caches others have used meanwhile is no part of a verdict.
func seldom(ctx context.Context, t *table, idle *hook, all []engine.Question) error {
	var took []time.Duration
	for _, q := range all {
		time.Sleep(2 * delay)
		got, _, err := each(ctx, single(idle.review), []engine.Question{q}, 1, 1)
		if err != nil {
			return err
		}
		took = append(took, got...)
	}
	t.row(fmt.Sprintf("  a server that says yes to everything, after %s", 2*delay), sorted(took).String())
	return nil
}

// coldPods are of 8 images each, every one with statements of 5 attestors, and nothing is known of any.
func coldPods(ctx context.Context, t *table, w *world, h *hook) error {
	var took []time.Duration
	var used time.Duration
	for i := range pods {
		var images []string
		for c := range 8 {
			q, err := w.push(ctx, fmt.Sprintf("pods/pod-%d-%d", i, c), signers, 10)
			if err != nil {
				return err
			}
			images = append(images, q.Name+"@"+q.Digest.String())
		}
		body := pod(images...)
		if i == 0 { // the first handshake, and connections to the registry
			if err := h.caller.post(ctx, h.validate(body), i); err != nil {
				return err
			}
			continue
		}
		before, began := processor(h.pid), time.Now()
		if err := h.caller.post(ctx, h.validate(body), i); err != nil {
			return err
		}
		took = append(took, time.Since(began))
		used += processor(h.pid) - before
	}
	got := sorted(took)
	t.aim("cold pod of 8 images, 5 attestors each, on loopback", fmt.Sprintf("%s (CPU %s each)", got, short(used/(pods-1))), "< 50 ms", got.at(.5) < 50*time.Millisecond)
	return nil
}

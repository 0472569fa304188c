package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// node measures the agent: its start, its socket, cold and warm, and container starts.
func node(ctx context.Context, t *table, w *world, program string, all []engine.Question, warm int) error {
	t.head("node: `selfsame-guard agent`")
	many, err := w.push(ctx, "team/many", 50, 400)
	if err != nil {
		return err
	}
	socket, err := listenNRI(w.dir)
	if err != nil {
		return err
	}
	defer socket.Close()
	gate := make(chan *runtime, 1)
	go func() {
		r, err := acceptNRI(ctx, socket) // at once: the plugin does not wait for long
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		gate <- r
	}()
	cmd := exec.CommandContext(ctx, program, "agent", "--config", filepath.Join(w.dir, "guard.yaml"), "--quiet") //nolint:gosec // the flag's
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	client := agent.Client{Socket: filepath.Join(w.dir, "run", "guard.sock")}
	err = soon(func() error {
		s, err := client.Status(ctx)
		if err == nil && s.Policy.Name == "" {
			err = errors.New("no policy is in force")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("it does not serve: %w", err)
	}
	took := time.Since(began)
	t.aim("started, serving, policy in force", fmt.Sprintf("%s (CPU %s)", short(took), processor(cmd.Process.Pid)), "< 1 s", took < time.Second)
	if err := coldNode(ctx, t, w, client, all, many); err != nil {
		return err
	}
	before := w.requests.Load()
	for _, clients := range []int{1, 8} {
		used := processor(cmd.Process.Pid)
		got, n, err := each(ctx, client, all, clients, warm)
		if err != nil {
			return err
		}
		t.row(fmt.Sprintf("warm, through the socket, %d at once", clients), fmt.Sprintf("%s, %.0f a second (CPU %s each)", got, n, (processor(cmd.Process.Pid)-used)/time.Duration(warm)))
	}
	containerd := <-gate
	if containerd == nil {
		return errors.New("the start gate does not connect")
	}
	defer containerd.close()
	used := processor(cmd.Process.Pid)
	got, _, err := each(ctx, containerd, all, 1, warm) // one after the other, as containerd asks
	if err != nil {
		return err
	}
	t.aim("warm, at container start (NRI)", fmt.Sprintf("%s (CPU %s each)", got, (processor(cmd.Process.Pid)-used)/time.Duration(warm)), "p99 < 1 ms", got.at(.99) < time.Millisecond)
	t.row("  requests to the registry", fmt.Sprint(w.requests.Load()-before))
	t.memory("memory of the agent", cmd.Process.Pid)
	return nil
}

// coldNode asks about what nobody has asked about before.
func coldNode(ctx context.Context, t *table, w *world, client agent.Client, all []engine.Question, many engine.Question) error {
	small, err := w.fresh(ctx, "team/small", len(all))
	if err != nil {
		return err
	}
	if _, err := coldImages(ctx, t, w, client, "an image", small); err != nil {
		return err
	}
	single, err := coldImages(ctx, t, w, client, "an image of 400 packages", all)
	if err != nil {
		return err
	}
	fifty, _, err := each(ctx, client, []engine.Question{many}, 1, 1)
	if err != nil {
		return err
	}
	t.row("cold, 50 statements of 400 packages", short(fifty.at(0)))
	crowd, err := w.push(ctx, "team/crowd", 1, 400)
	if err != nil {
		return err
	}
	before := w.requests.Load()
	if _, _, err := each(ctx, client, []engine.Question{crowd}, 100, 1000); err != nil {
		return err
	}
	asked := float64(w.requests.Load() - before)
	t.aim("requests to the registry, 1,000 questions for one digest", fmt.Sprintf("%.0f (one question: %.1f)", asked, single), "as for one", asked < single+1)
	return nil
}

// each asks n questions by some clients at once, and says how long each took, and how many were answered a second.
func each(ctx context.Context, asker engine.Asker, all []engine.Question, clients, n int) (times, float64, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wait sync.WaitGroup
	began := time.Now()
	for c := range clients {
		wait.Go(func() {
			var mine []time.Duration
			for i := c; i < n; i += clients {
				start := time.Now()
				a := asker.Ask(ctx, all[i%len(all)])
				mine = append(mine, time.Since(start))
				if !a.Allow {
					mu.Lock()
					failed = fmt.Errorf("%s", a.Denial())
					mu.Unlock()
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	wait.Wait()
	return sorted(took), float64(n) / time.Since(began).Seconds(), failed
}

// fresh is a verifier that keeps nothing: it gathers and decides for each question, as most admission controllers do.
type fresh struct {
	*ground.Ground
	policy *policy.Policy
}

func (f fresh) Ask(ctx context.Context, q engine.Question) engine.Answer {
	ev, err := f.Gather(ctx, q.Name, q.Digest)
	if err != nil {
		return engine.Unanswered(q, err)
	}
	return engine.Answer{Verdict: f.policy.Decide(ctx, &ev, time.Now())}
}

func (f fresh) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, f.Ask(ctx, q))
	}
	return out
}

func keepsNothing(ctx context.Context, t *table, w *world, all []engine.Question) error {
	g, err := ground.Open(ctx, ground.Config{Setup: ground.Setup{Trust: filepath.Join(w.dir, "trust.yaml"), Policy: ground.PolicyAt{At: filepath.Join(w.dir, "policy.yaml")},
		Client: registry.New(registry.Options{}), Now: time.Now}})
	if err != nil {
		return err
	}
	p, err := g.Policy(ctx)
	if err != nil {
		return err
	}
	before, n := w.requests.Load(), 5*len(all)
	got, rate, err := each(ctx, fresh{g, p}, all, 8, n)
	if err != nil {
		return err
	}
	t.row("a verifier that keeps nothing, 8 at once", fmt.Sprintf("%s, %.0f a second", got, rate))
	t.row("  requests to the registry for each", fmt.Sprintf("%.1f", float64(w.requests.Load()-before)/float64(n)))
	return nil
}

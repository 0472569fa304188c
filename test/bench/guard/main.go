// Command guard measures what a verdict costs: at the node agent's socket, warm and cold, beside a verifier that keeps nothing and asks the
// registry for each request, in the same run.
//
//	go run ./test/bench/guard -guard bin/selfsame-guard
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify/ground"
)

func main() {
	program := flag.String("guard", "bin/selfsame-guard", "the program to measure")
	images := flag.Int("images", 100, "images that it knows")
	warm := flag.Int("warm", 20_000, "warm questions")
	flag.Parse()
	if err := run(context.Background(), *program, *images, *warm); err != nil {
		fmt.Fprintf(os.Stderr, "bench-guard: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, images, warm int) error {
	dir, err := os.MkdirTemp("", "bench-guard")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(dir)
	if err != nil {
		return err
	}
	defer w.close()
	var all []engine.Question
	for i := range images {
		q, err := w.push(ctx, fmt.Sprint("team/shop-", i), 1)
		if err != nil {
			return err
		}
		all = append(all, q)
	}
	many, err := w.push(ctx, "team/many", 50)
	if err != nil {
		return err
	}
	return measure(ctx, w, program, all, many, warm)
}

func measure(ctx context.Context, w *world, program string, all []engine.Question, many engine.Question, warm int) error {
	cmd := exec.CommandContext(ctx, program, "agent", "--config", filepath.Join(w.dir, "guard.yaml"), "--quiet") //nolint:gosec // the flag's
	cmd.Stderr = os.Stderr
	client := agent.Client{Socket: filepath.Join(w.dir, "run", "guard.sock")}
	socket, err := listenNRI(w.dir)
	if err != nil {
		return err
	}
	defer socket.Close()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	gate := make(chan *runtime, 1)
	go func() {
		r, err := acceptNRI(ctx, socket) // at once: the plugin does not wait for long
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		gate <- r
	}()
	for {
		if s, err := client.Status(ctx); err == nil && s.Policy.Name != "" {
			break
		} else if time.Since(began) > time.Minute {
			return fmt.Errorf("it does not serve: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
	row("started, serving, policy in force", time.Since(began).Round(time.Millisecond).String())
	before := w.requests.Load()
	cold, err := each(ctx, client, all, 1, len(all))
	if err != nil {
		return err
	}
	row("cold, one after the other", cold)
	row("  requests to the registry for each", fmt.Sprintf("%.1f", float64(w.requests.Load()-before)/float64(len(all))))
	fifty, err := each(ctx, client, []engine.Question{many}, 1, 1)
	if err != nil {
		return err
	}
	row("cold, 50 statements of 400 packages", fifty)
	before = w.requests.Load()
	for _, clients := range []int{1, 8} {
		got, err := each(ctx, client, all, clients, warm)
		if err != nil {
			return err
		}
		row(fmt.Sprintf("warm, through the socket, %d at once", clients), got)
	}
	containerd := <-gate
	if containerd == nil {
		return errors.New("the start gate does not connect")
	}
	defer containerd.close()
	start, err := each(ctx, containerd, all, 1, warm) // one after the other, as containerd asks
	if err != nil {
		return err
	}
	row("warm, at container start (NRI)", start)
	row("  requests to the registry", fmt.Sprint(w.requests.Load()-before))
	row("resident memory", resident(cmd.Process.Pid))
	return keepsNothing(ctx, w, all)
}

func row(what, value string) { fmt.Printf("%-40s %s\n", what, value) }

// each asks n questions by some clients at once, and says how long one took.
func each(ctx context.Context, asker engine.Asker, all []engine.Question, clients, n int) (string, error) {
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
	if failed != nil {
		return "", failed
	}
	slices.Sort(took)
	return fmt.Sprintf("median %s, p99 %s, %.0f a second", took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond),
		float64(n)/time.Since(began).Seconds()), nil
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

func keepsNothing(ctx context.Context, w *world, all []engine.Question) error {
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
	got, err := each(ctx, fresh{g, p}, all, 8, n)
	if err != nil {
		return err
	}
	row("a verifier that keeps nothing, 8 at once", got)
	row("  requests to the registry for each", fmt.Sprintf("%.1f", float64(w.requests.Load()-before)/float64(n)))
	return nil
}

// resident is what a process holds in memory, as the kernel counts it.
func resident(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(data)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(kb)
		}
	}
	return "unknown"
}

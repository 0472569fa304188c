package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

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

// delay is added to each answer of the registry where it is to be far away.
const delay = 50 * time.Millisecond

// coldNode asks about what nobody has asked about before.
func coldNode(ctx context.Context, t *table, w *world, client agent.Client, all []engine.Question, many engine.Question) error {
	var small []engine.Question
	for i := range all {
		q, err := w.push(ctx, fmt.Sprint("team/small-", i), 1, 10)
		if err != nil {
			return err
		}
		small = append(small, q)
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

// coldImages asks about half of the images while the registry is near, and about the others while it is far. single is how many requests each
// of the first took.
func coldImages(ctx context.Context, t *table, w *world, client agent.Client, what string, all []engine.Question) (single float64, err error) {
	half := len(all) / 2
	for _, at := range []struct {
		where string
		delay time.Duration
		ask   []engine.Question
	}{{"registry on loopback", 0, all[:half]}, {fmt.Sprintf("a registry that is %s away", delay), delay, all[half:]}} {
		w.delay.Store(int64(at.delay))
		got, alone, requests, err := byTurns(ctx, w, client, at.ask)
		w.delay.Store(0)
		if err != nil {
			return 0, err
		}
		if at.delay == 0 {
			single = requests
		}
		t.aim(fmt.Sprintf("cold, %s, %s", what, at.where), got.String(), "2 trips + 2 ms", got.at(.5) < alone.at(.5)+2*time.Millisecond)
		t.row("  2 trips to that registry alone, by turns", alone.String())
	}
	t.row("  requests to the registry for each", fmt.Sprintf("%.1f", single))
	return single, nil
}

// byTurns asks about one image after the other, and for every second one only makes the two trips: so both meet a registry that has not served
// that image before, and a machine in the same state. Then the guard is asked about the others, too.
func byTurns(ctx context.Context, w *world, client agent.Client, all []engine.Question) (got, alone times, requests float64, err error) {
	var others []engine.Question
	asked := int64(0)
	for i := range all {
		of, one := engine.Asker(client), all[i:i+1]
		if i%2 == 1 {
			of, others = trips{w.host}, append(others, all[i])
		}
		before := w.requests.Load()
		took, _, err := each(ctx, of, one, 1, 1)
		if err != nil {
			return nil, nil, 0, err
		}
		if i%2 == 1 {
			alone = append(alone, took...)
			continue
		}
		got, asked = append(got, took...), asked+w.requests.Load()-before
	}
	_, _, err = each(ctx, client, others, 1, len(others))
	return sorted(got), sorted(alone), float64(asked) / float64(len(got)), err
}

// trips asks a registry, one after the other, for the two answers without which nobody can judge an image: the list of what is attached to it,
// and the manifest that this names. It does nothing else.
type trips struct{ host string }

// Ask implements engine.Asker.
func (r trips) Ask(ctx context.Context, q engine.Question) (a engine.Answer) {
	at := "http://" + r.host + "/v2" + strings.TrimPrefix(q.Name, r.host)
	var list v1.Index
	raw, err := fetch(ctx, at+"/referrers/"+q.Digest.String())
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	if err == nil && len(list.Manifests) != 1 {
		err = fmt.Errorf("%d manifests are attached, not one", len(list.Manifests))
	}
	if err == nil {
		_, err = fetch(ctx, at+"/manifests/"+list.Manifests[0].Digest.String())
	}
	if err != nil {
		return engine.Unanswered(q, err)
	}
	a.Allow = true
	return a
}

// AskAll implements engine.Asker.
func (r trips) AskAll(ctx context.Context, qs []engine.Question) (all []engine.Answer) {
	for _, q := range qs {
		all = append(all, r.Ask(ctx, q))
	}
	return all
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
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

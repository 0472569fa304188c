package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// delay is added to each answer of the registry where it is to be far away.
const delay = 50 * time.Millisecond

// fresh are small images that nobody has asked about, each with one signed list of 10 packages.
func (w *world) fresh(ctx context.Context, name string, n int) (all []engine.Question, err error) {
	for i := range n {
		q, err := w.push(ctx, fmt.Sprintf("%s-%d", name, i), 1, 10)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// coldImages asks about half of the images while the registry is near, and about the others while it is far. single is how many requests each
// of the first took.
func coldImages(ctx context.Context, t *table, w *world, asker engine.Asker, what string, all []engine.Question) (single float64, err error) {
	half := len(all) / 2
	for _, at := range []struct {
		where string
		delay time.Duration
		ask   []engine.Question
	}{{"registry on loopback", 0, all[:half]}, {fmt.Sprintf("a registry that is %s away", delay), delay, all[half:]}} {
		w.delay.Store(int64(at.delay))
		got, alone, requests, err := byTurns(ctx, w, asker, at.ask)
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
func byTurns(ctx context.Context, w *world, asker engine.Asker, all []engine.Question) (got, alone times, requests float64, err error) {
	var others []engine.Question
	asked := int64(0)
	for i := range all {
		of, one := asker, all[i:i+1]
		if i%2 == 1 {
			of, others = single(w.trips), append(others, all[i])
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
	_, _, err = each(ctx, asker, others, 1, len(others))
	return sorted(got), sorted(alone), float64(asked) / float64(len(got)), err
}

// single asks about one image at a time, and takes what is no error for a yes.
type single func(context.Context, engine.Question) error

// Ask implements engine.Asker.
func (s single) Ask(ctx context.Context, q engine.Question) (a engine.Answer) {
	if err := s(ctx, q); err != nil {
		return engine.Unanswered(q, err)
	}
	a.Allow = true
	return a
}

// AskAll implements engine.Asker.
func (s single) AskAll(ctx context.Context, qs []engine.Question) (all []engine.Answer) {
	for _, q := range qs {
		all = append(all, s.Ask(ctx, q))
	}
	return all
}

// trips asks the registry, one after the other, for the two answers without which nobody can judge an image: the list of what is attached to it,
// and the manifest that this names. It does nothing else.
func (w *world) trips(ctx context.Context, q engine.Question) error {
	at := "http://" + w.host + "/v2" + strings.TrimPrefix(q.Name, w.host)
	raw, err := fetch(ctx, at+"/referrers/"+q.Digest.String())
	if err != nil {
		return err
	}
	var list v1.Index
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	if len(list.Manifests) != 1 {
		return fmt.Errorf("%d manifests are attached, not one", len(list.Manifests))
	}
	_, err = fetch(ctx, at+"/manifests/"+list.Manifests[0].Digest.String())
	return err
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

package admission

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

func TestEachDigestIsAskedAboutOnce(t *testing.T) {
	a := &asker{allow: map[digest.Digest]bool{good: true}}
	var containers []string
	for i := range 1000 {
		image := []string{shop + "@" + good.String(), shop + ":v1@" + good.String(), "registry.example.com/team/other@" + good.String()}[i%3]
		containers = append(containers, fmt.Sprintf(`{"name":"c%d","image":%q}`, i, image))
	}
	_, got, raw := newGate(t, a, nil).post(t, "/validate", podAsk(`{"containers":[`+strings.Join(containers, ",")+`]}`).body())
	if got == nil || !got.Allowed || len(a.asked) != 2 {
		t.Errorf("asked %d times: %.300s", len(a.asked), raw)
	}
	if want := (engine.Question{Name: shop, Digest: good, Who: engine.Who{Gate: engine.GateAdmission, Namespace: "shop", Workload: "Pod/shop-0", Container: "c0", User: "ann", Reference: shop + "@" + good.String()}}); a.asked[0] != want {
		t.Errorf("asked %+v\nwant %+v", a.asked[0], want)
	}
}

func TestManyDifferentImages(t *testing.T) {
	a := &asker{}
	make := func(n int) string {
		var containers []string
		for i := range n {
			containers = append(containers, fmt.Sprintf(`{"name":"c%d","image":"%s/x%d@%s"}`, i, shop, i, digest.FromString(fmt.Sprint(i))))
		}
		return podAsk(`{"containers":[` + strings.Join(containers, ",") + `]}`).body()
	}
	_, got, raw := newGate(t, a, nil).post(t, "/validate", make(1000))
	if got == nil || got.Allowed || len(a.asked) > 0 || !strings.Contains(raw, "more than 100 different images") {
		t.Errorf("asked %d times: %.300s", len(a.asked), raw)
	}
	_, got, raw = newGate(t, a, nil).post(t, "/validate", make(100))
	if got == nil || got.Allowed || len(a.asked) != 100 || len(got.Status.Message) > maxMessage || !strings.Contains(got.Status.Message, "and 95 more: ") {
		t.Errorf("asked %d times: %s", len(a.asked), raw)
	}
}

func TestDeadline(t *testing.T) {
	a := &asker{hang: true}
	g := newGate(t, a, func(o *Options) { o.Underway = 2 })
	ask := podAsk(`{"containers":[{"name":"app","image":"` + shop + "@" + good.String() + `"}]}`).body()
	for i, want := range []string{"verdict pending, try again", "verdict pending, try again", "too many reviews are under way"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate?timeout=1s", strings.NewReader(ask))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		start := time.Now()
		g.Handler().ServeHTTP(w, r)
		if took := time.Since(start); w.Code != 200 || !strings.Contains(w.Body.String(), want) || took > 950*time.Millisecond {
			t.Errorf("%d: after %s: %s; want %q", i, took, w.Body, want)
		}
	}
	for timeout, want := range map[time.Duration]time.Duration{
		0: 9 * time.Second, time.Hour: 9 * time.Second, 10 * time.Second: 9 * time.Second, 5 * time.Second: 4 * time.Second, 2 * time.Second: 1600 * time.Millisecond,
		time.Second: 800 * time.Millisecond, 300 * time.Millisecond: 150 * time.Millisecond, -time.Second: 9 * time.Second,
	} {
		if got := g.within(timeout); got != want {
			t.Errorf("of %s: %s, want %s", timeout, got, want)
		}
	}
}

// keeper is an asker that has its answers in memory, as the engine does.
type keeper struct{ *asker }

func (k keeper) AskKept(ctx context.Context, qs []engine.Question) ([]engine.Answer, bool) {
	for _, q := range qs {
		if !k.allow[q.Digest] {
			return nil, false
		}
	}
	return (&asker{allow: k.allow, then: k.then}).AskAll(ctx, qs), true
}

// TestKept: what is known is answered though everything that may be under way is, and is checked as any answer; what is not known waits its turn.
func TestKept(t *testing.T) {
	a := &asker{allow: map[digest.Digest]bool{good: true, moved: true}, hang: true, then: func(all []engine.Answer) []engine.Answer {
		if all[0].Image.Digest == moved.String() {
			all[0].Image.Digest = bad.String()
		}
		return all
	}}
	g := newGate(t, a, func(o *Options) { o.Asker, o.Underway = keeper{a}, 1 })
	g.underway <- struct{}{}
	for _, c := range []struct {
		image digest.Digest
		want  bool
		says  string
	}{{good, true, "allowed: images 1"}, {bad, false, errBusy.Error()}, {moved, false, "the answer is about another image"}} {
		_, got, text := g.post(t, "/validate", podAsk(`{"containers":[{"name":"app","image":"`+shop+"@"+c.image.String()+`"}]}`).body())
		if got.Allowed != c.want || !strings.Contains(text, c.says) {
			t.Errorf("%s", text)
		}
	}
}

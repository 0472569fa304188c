package admission

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// hold sends a request's head and part of its body, and then nothing more.
func hold(t *testing.T, s *httptest.Server, head, part string) {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n\r\n%s", head, part); err != nil {
		t.Fatal(err)
	}
}

// TestStalledBodiesHoldNobodyUp: callers that send no more stand in nobody's way but that of reviews as large as theirs.
func TestStalledBodiesHoldNobodyUp(t *testing.T) {
	g := newGate(t, &asker{}, nil)
	s := httptest.NewServer(g.Handler())
	t.Cleanup(s.Close) // after the connections
	for range 20 {
		hold(t, s, "Transfer-Encoding: chunked", "1\r\n{\r\n")
		hold(t, s, fmt.Sprintf("Content-Length: %d", maxBody), "{")
		hold(t, s, fmt.Sprintf("Content-Length: %d", maxBody), "{"+strings.Repeat(" ", firstPart))
	}
	time.Sleep(200 * time.Millisecond)
	for _, size := range []int{0, 100 << 10} {
		body := podAsk(`{"containers":[{"name":"a","image":"`+shop+`@`+good.String()+`"}]}`).body() + strings.Repeat(" ", size)
		r, err := http.Post(s.URL+"/validate?timeout=2s", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusOK {
			t.Errorf("a review of %d bytes: %s %s", len(body), r.Status, text)
		}
		_ = r.Body.Close()
	}
	body := bytes.Repeat([]byte(" "), 1<<20)
	if r, err := http.Post(s.URL+"/validate?timeout=1s", "application/json", bytes.NewReader(body)); err != nil || r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("as large as those that hold all room: %v %v", r, err)
	}
}

// TestBodyLength: a review says how long it is, and is so long.
func TestBodyLength(t *testing.T) {
	g := newGate(t, &asker{}, nil)
	for _, test := range []struct {
		name   string
		length int64
		body   string
		want   int
	}{
		{"none", -1, "{}", 411}, {"too long", maxBody + 1, "{}", 413}, {"cut short", 10, "{}", 400}, {"cut short later", firstPart + 10, strings.Repeat(" ", firstPart+1), 400},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", io.NopCloser(strings.NewReader(test.body)))
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = test.length
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d %s, want %d", test.name, w.Code, w.Body, test.want)
		}
	}
	for i, r := range g.rooms {
		if all := []int64{4 << 20, 8 << 20, 3 * maxBody}[i]; !r.free.TryAcquire(all) {
			t.Errorf("room %d was not given back", i)
		}
	}
}

// TestBuffersAreReused: what a question says stays as it was when the review's bytes are another's, also of one that was answered while its
// question goes on.
func TestBuffersAreReused(t *testing.T) {
	a := &asker{allow: map[digest.Digest]bool{good: true}}
	late, asked := make(chan struct{}), make(chan engine.Question, 1)
	slow := slowAsker{a, func(q engine.Question) {
		if q.Who.User == "ann" && q.Who.Namespace == "slow" {
			<-late
			asked <- q
		}
	}}
	g := newGate(t, a, func(o *Options) { o.Asker, o.Deadline = slow, 2*time.Second })
	body := func(namespace, name string) string {
		r := podAsk(`{"containers":[{"name":"` + name + `","image":"` + shop + "@" + good.String() + `"}]}`)
		r.namespace = namespace
		return r.body()
	}
	if _, got, text := g.post(t, "/validate", body("slow", "first")); got.Allowed || !strings.Contains(text, errPending.Error()) {
		t.Fatal(text)
	}
	for i := range 100 {
		name := fmt.Sprint("later-", i)
		if _, got, text := g.post(t, "/validate", body("shop", name)); !got.Allowed {
			t.Fatal(text)
		}
		if got := a.asked[len(a.asked)-1].Who; got.Container != name || got.Namespace != "shop" {
			t.Errorf("%+v", got)
		}
	}
	close(late)
	if q := <-asked; q.Name != shop || q.Digest != good || q.Who.Container != "first" || q.Who.Workload != "Pod/shop-0" || q.Who.Reference != shop+"@"+good.String() {
		t.Errorf("%+v", q)
	}
}

type slowAsker struct {
	*asker
	before func(engine.Question)
}

func (s slowAsker) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	s.before(qs[0])
	return s.asker.AskAll(ctx, qs)
}

// TestPart: a buffer is as large as asked for, and no more than twice that.
func TestPart(t *testing.T) {
	for _, size := range []int64{0, 1, firstBytes, firstBytes + 1, 10_000, 20_000, firstPart} {
		b, give := part(size)
		if int64(len(b)) != size || int64(cap(b)) > max(2*size, firstBytes) {
			t.Errorf("%d bytes: %d of %d", size, len(b), cap(b))
		}
		give()
	}
}

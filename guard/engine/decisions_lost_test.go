package engine_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
)

// stuck is a log that takes nothing until it is let go, and then fails as often as it is told to.
type stuck struct {
	let   chan struct{}
	fails int
	mu    sync.Mutex
	got   string
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return 0, errors.New("no space left")
	}
	s.got += string(p)
	return len(p), nil
}

// TestLinesWrittenAtOnce: what waits while the log is slow is written with one call, whole and in order, and each line of a call that failed
// counts as lost.
func TestLinesWrittenAtOnce(t *testing.T) {
	for _, test := range []struct {
		fails, lines int
		lost         string
	}{{0, 6, "0"}, {99, 0, "6"}} {
		log, set := &stuck{let: make(chan struct{}), fails: test.fails}, metrics.New()
		w := newWorld(t, func(c *engine.Config) { c.Decisions, c.Metrics = log, set })
		w.ask(good)
		log.let <- struct{}{} // the first line is on its way, alone or with others
		for range 5 {
			w.ask(good)
		}
		close(log.let)
		w.Close()
		if got := strings.Count(log.got, "}\n"); got != test.lines || strings.Count(log.got, `"schemaVersion":1`) != test.lines {
			t.Errorf("%d lines, want %d:\n%s", got, test.lines, log.got)
		}
		r := httptest.NewRecorder()
		set.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
		if want := string(metrics.DecisionsLost) + " " + test.lost; !strings.Contains(r.Body.String(), want) {
			t.Errorf("not %q in\n%s", want, r.Body)
		}
	}
}

// TestGuestsWriteNoGateOut: whoever may ask, as often as he likes and about what is known, leaves room in the log for the gates' own lines; and
// his say who he is by the kernel's word, whatever he says of himself.
func TestGuestsWriteNoGateOut(t *testing.T) {
	log := &stuck{let: make(chan struct{})}
	w := newWorld(t, func(c *engine.Config) { c.Decisions, c.Metrics = log, metrics.New() })
	posing := engine.Question{Name: shop, Digest: good, Who: engine.Who{Gate: engine.GateAdmission, User: "system:admin"}}
	for range 5000 {
		w.Ask(engine.WithGuest(t.Context(), 1001), posing)
	}
	for range 100 {
		w.ask(good)
	}
	close(log.let)
	w.Close()
	gates, guests := 0, 0
	for line := range strings.Lines(log.got) {
		var d engine.Decision
		switch err := json.Unmarshal([]byte(line), &d); {
		case err != nil:
			t.Fatal(err)
		case d.Guest == nil && d.Who.Gate == engine.GateStart:
			gates++
		case d.Guest != nil && *d.Guest == 1001 && d.Who.User == "system:admin":
			guests++
		default:
			t.Fatal(line)
		}
	}
	if gates != 100 || guests < 1000 {
		t.Errorf("%d lines of gates and %d of guests", gates, guests)
	}
}

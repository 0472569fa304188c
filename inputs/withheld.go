package inputs

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// BuildKit's proxy asks where a request may go before it looks at the method, and passes only a GET on. It says nothing of the others. So
// a request that was asked about and never came here was none.

// withheld compares what was asked about with what came.
type withheld struct {
	mu    sync.Mutex
	asked map[string][]time.Time // by URL as a Request has it
	came  map[string]int
	total int
}

func (w *withheld) ask(url string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.total++; w.total > maxRequests {
		return
	}
	if w.asked == nil {
		w.asked = map[string][]time.Time{}
	}
	w.asked[url] = append(w.asked[url], now)
}

func (w *withheld) arrive(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, asked := w.asked[url]; !asked { // nothing came unasked
		return
	}
	if w.came == nil {
		w.came = map[string]int{}
	}
	w.came[url]++
}

// Withheld is a request of a step that BuildKit's proxy refused by itself. Neither its method nor its step is known.
type Withheld struct {
	URL string
	// Times are when the URL was asked about, with or without success: one of the steps that ran then is the one.
	Times []time.Time
}

// Withheld lists them in the order in which they were first asked about. Call it when the solve has ended.
func (s *Server) Withheld() []Withheld {
	s.withheld.mu.Lock()
	defer s.withheld.mu.Unlock()
	var out []Withheld
	for url, times := range s.withheld.asked {
		if len(times) > s.withheld.came[url] {
			if s.hidden.in(url) {
				url = withoutPath(url)
			}
			out = append(out, Withheld{url, slices.Clone(times)})
		}
	}
	slices.SortFunc(out, func(a, b Withheld) int { // two within one tick of the clock: by URL
		return cmp.Or(a.Times[0].Compare(b.Times[0]), strings.Compare(a.URL, b.URL))
	})
	return out
}

// Diagnostic explains it to the user. step may be empty, or name several.
func (w Withheld) Diagnostic(step string) *diag.Diagnostic {
	by := ""
	if step != "" {
		by = " by " + step
	}
	return diag.Errorf(diag.RequestRefused, "refused%s: a request for `%s` that is no GET", by, w.URL).
		WithWhy("what POST, PUT, HEAD and their like answer cannot be sealed; the sealed build refuses it in the same way")
}

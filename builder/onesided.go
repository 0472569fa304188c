package builder

import (
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// maxOneSided bounds the list of requests in a message.
const maxOneSided = 10

// requests are the URLs that a step asked for, and the step.
type requests map[string]graph.Step

// sameRequests is nil when each step that both twins ran asked for the same on both. A request of one alone shows that the step chose what
// to read by something that no lock has, even where the images happen to agree (DESIGN §11 "A sealed miss"). Builders that somebody
// else runs are left out: they may shorten their report of what a step fetched.
func (r *twinRun) sameRequests() error {
	if r.a.lease == nil || r.b.lease == nil {
		return nil
	}
	a, b := r.a.asked(), r.b.asked()
	var list diag.List
	for _, side := range []struct {
		t, there   *twin
		own, other map[string]requests
	}{{r.a, r.b, a, b}, {r.b, r.a, b, a}} {
		for _, step := range sortedKeys(side.own) {
			for url, s := range side.own[step] {
				_, both := side.other[step][url]
				if both || side.other[step] == nil || side.there.unreported(url) {
					continue
				}
				list = append(list, diag.Errorf("A0345", "only builder %s asked for `%s`", side.t.label, url).
					WithAt(diag.Position{File: s.File, Line: s.Line}, "").
					WithWhy("the step chooses what it reads by something that no lock has: chance, the clock, the machine").
					WithHelp("make it fetch the same each time, such as from one mirror"))
			}
		}
	}
	slices.SortFunc(list, func(x, y *diag.Diagnostic) int { return strings.Compare(x.Summary, y.Summary) })
	return list[:min(len(list), maxOneSided)].Err()
}

// unreported says whether the twin answered more requests for a URL than its steps' reports account for. BuildKit leaves out what is still
// under way when a step ends, such as the look for updates that a program does not wait for.
func (t *twin) unreported(url string) bool {
	n := 0
	for _, q := range t.server.Requests() {
		if q.Route == inputs.RouteStep && q.URL == url {
			n++
		}
	}
	for _, res := range t.results {
		for _, s := range res.Steps {
			for _, q := range s.Requests {
				if own, ok := t.server.OriginalURL(q.URL); ok && own == url {
					n--
				}
			}
		}
	}
	return n > 0
}

// asked is what each networked step asked for that the twin ran, by platform and step.
func (t *twin) asked() map[string]requests {
	out := map[string]requests{}
	for platform, res := range t.results {
		for _, s := range res.Steps {
			if !s.Step.Networked || s.Cached {
				continue
			}
			key := platform + " " + s.Step.Name
			if out[key] == nil {
				out[key] = requests{}
			}
			for _, q := range s.Requests {
				if url, ok := t.server.OriginalURL(q.URL); ok {
					out[key][url] = s.Step
				}
			}
		}
	}
	return out
}

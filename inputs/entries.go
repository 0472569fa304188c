package inputs

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Entries turns what was answered into lines of the lock: one for each step that steps lists for a URL (keyed as
// OriginalURL gives it; other spellings are normalised). What the daemon fetched for an ADD becomes kind http, and its redirects belong to the step of the
// URL they started from. Answers that nobody is known to have asked for are returned as orphans and get no line. The
// entries are sorted and unique. Evidence is the answer's Date, with which its headers can be made again (HeadersAgain).
func (s *Server) Entries(platform string, steps map[string][]string) (entries []lock.Entry, orphans []Request) {
	served := s.answered()
	by := s.followRedirects(served, steps)
	seen := map[lock.Entry]bool{}
	for _, r := range served {
		if len(by[r.URL]) == 0 {
			orphans = append(orphans, r)
		}
		evidence := s.dated(r)
		if r.Outcome == OutcomeRefused {
			evidence = EvidenceRefused
		}
		for _, step := range by[r.URL] {
			if e := r.entry(platform, step, evidence); !seen[e] {
				seen[e] = true
				entries = append(entries, e)
			}
		}
	}
	l := lock.Lock{Entries: entries}
	return l.Sorted(), orphans
}

// answered lists the requests that have an answer, refusals among them, one for each key and route: the first, unless that was turned away and asked again with
// credentials.
func (s *Server) answered() []Request {
	type once struct {
		route Route
		key   key
	}
	var out []Request
	at := map[once]int{}
	sealable := func(r Request) bool {
		return r.Outcome == OutcomeServed || r.Outcome == OutcomeRefused && r.Digest != ""
	}
	for _, r := range s.journal.filter(sealable) {
		o := once{r.Route, key{r.URL, r.Accept}}
		i, seen := at[o]
		switch {
		case !seen:
			at[o] = len(out)
			out = append(out, r)
		case out[i].Status == http.StatusUnauthorized:
			out[i] = r
		}
	}
	return out
}

// maxRedirects is how far a chain of redirects is followed; net/http's own limit.
const maxRedirects = 10

// followRedirects extends steps along the redirects that the daemon followed by itself.
func (s *Server) followRedirects(served []Request, steps map[string][]string) map[string][]string {
	by := make(map[string][]string, len(steps))
	for u, names := range steps {
		if normal, err := normalURL(u); err == nil {
			u, _ = redactURL(normal)
		}
		by[u] = append(by[u], names...)
	}
	for range maxRedirects {
		changed := false
		for _, r := range served {
			to := s.redirect(r)
			for _, step := range by[r.URL] {
				if to != "" && !slices.Contains(by[to], step) {
					by[to], changed = append(by[to], step), true
				}
			}
		}
		if !changed {
			break
		}
	}
	return by
}

// redirect is the URL that an answer on the source route leads to; empty if none.
func (s *Server) redirect(r Request) string {
	if r.Route != RouteSource || r.Status < 300 || r.Status > 399 {
		return ""
	}
	h, err := s.headers(answer{headers: Blob{Digest: r.Headers}})
	if err != nil || h.Get("Location") == "" {
		return ""
	}
	to, _ := resolve(r.URL, h.Get("Location"))
	return to
}

// evidenceDate begins the evidence of a line whose answer had a Date.
const evidenceDate = "date:"

// dated is the evidence that holds an answer's Date; empty if it has none, or none in the one form that servers must send.
func (s *Server) dated(r Request) string {
	h, err := s.headers(answer{headers: Blob{Digest: r.Headers}})
	if err != nil {
		return ""
	}
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil || t.UTC().Format(http.TimeFormat) != h.Get("Date") {
		return ""
	}
	return evidenceDate + t.UTC().Format(time.RFC3339)
}

// HeadersAgain makes the headers of a locked answer from those of a later one to the same request. The Date is the only kept
// header that changes although nothing did, so the lock has it. Whether they are the same is for the digest to say. mirrored
// leaves out what differs between mirrors of one archive, as recording does.
func HeadersAgain(e lock.Entry, now http.Header, mirrored bool) []byte {
	h := keepHeaders(now)
	h.Del("Date")
	if text, ok := strings.CutPrefix(e.Evidence, evidenceDate); ok {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			h.Set("Date", t.UTC().Format(http.TimeFormat))
		}
	}
	if mirrored {
		dropMirrors(h)
	}
	return headerText(h)
}

// AsBefore gives those of new answers that are the old ones but for their Date the headers and evidence of their old lines: looking for
// something newer and finding nothing changes no line, so it has no step run again. The step that was just recorded did see the new Date.
func (s *Server) AsBefore(entries, before []lock.Entry) {
	type once struct {
		kind          lock.Kind
		platform, url string
		accept        string
	}
	old := map[once]lock.Entry{}
	for _, e := range before {
		old[once{e.Kind, e.Platform, e.Key, e.Accept}] = e
	}
	for i, e := range entries {
		o, ok := old[once{e.Kind, e.Platform, e.Key, e.Accept}]
		if !ok || !sameBody(o, e) || !s.store.Has(o.Headers) { // which are to be served
			continue
		}
		h, err := s.headers(answer{headers: Blob{Digest: e.Headers}})
		if err == nil && digest.FromBytes(HeadersAgain(o, h, false)) == o.Headers {
			entries[i].Headers, entries[i].Evidence = o.Headers, o.Evidence
		}
	}
}

// sameBody says whether two answers of upstream, not refusals of ours, are the same but for their headers.
func sameBody(a, b lock.Entry) bool {
	return a.Evidence != EvidenceRefused && b.Evidence != EvidenceRefused && a.Status == b.Status && a.Digest == b.Digest
}

// dropMirrors removes what differs between mirrors of one archive.
func dropMirrors(h http.Header) {
	for _, name := range []string{"Date", "Etag", "Link"} {
		h.Del(name)
	}
}

// entry is the line of one answer.
func (r Request) entry(platform, step, evidence string) lock.Entry {
	e := lock.Entry{Kind: lock.KindResponse, Platform: platform, Step: step, Digest: r.Digest, Size: r.Size,
		Status: r.Status, Headers: r.Headers, Key: r.URL, Accept: strings.TrimSpace(r.Accept), Evidence: evidence}
	if r.Route == RouteSource {
		e.Kind = lock.KindHTTP
	}
	if r.Status == http.StatusOK {
		e.PURL = PackageURL(r.URL, r.Digest)
	}
	return e
}

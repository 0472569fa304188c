package inputs

import (
	"slices"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Outcome says what became of a request.
type Outcome string

// The outcomes.
const (
	OutcomeServed  Outcome = "served"  // answered from upstream or the store
	OutcomeMissed  Outcome = "missed"  // sealed: not in the lock, answered 404
	OutcomeRefused Outcome = "refused" // not allowed: method, user info, private target, Vary: *, wrong token
	OutcomeFailed  Outcome = "failed"  // uncapturable: upstream or the store failed
)

// Notes that a Request can carry.
const (
	NoteSecret      = "secret-like query" // a query value was redacted
	NoteCredentials = "credentials sent"  // the request had an Authorization header; the body may be private
	NoteCookie      = "cookie dropped"    // the request had cookies, which were not passed on
)

// Request is one request as it was answered.
type Request struct {
	Method  string
	Route   Route
	URL     string // original and normal: no default port, secret-like query values redacted
	Accept  string // "*/*" and none are both empty
	Time    time.Time
	Outcome Outcome       // empty while under way
	Status  int           // HTTP status sent
	Digest  digest.Digest // body in the store
	Size    int64         // body, bytes
	Headers digest.Digest // headers kept, in the store
	Cached  bool          // answered without asking upstream
	Code    diag.Code     // why it was not served, for programs
	Reason  string        // the same for people
	Notes   []string
}

// maxRequests bounds the journal; a step that asks more often is refused.
const maxRequests = 1 << 20

// journal lists requests in the order of their arrival.
type journal struct {
	mu   sync.Mutex
	list []*Request
	now  func() time.Time
}

// begin adds a request; nil when the journal is full.
func (j *journal) begin(r Request) *Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.list) >= maxRequests {
		return nil
	}
	r.Time = j.now()
	j.list = append(j.list, &r)
	return &r
}

// change edits a request under the journal's lock.
func (j *journal) change(r *Request, edit func(*Request)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	edit(r)
}

// filter copies the requests that want says yes to.
func (j *journal) filter(want func(Request) bool) []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Request
	for _, r := range j.list {
		if want(*r) {
			c := *r
			c.Notes = slices.Clone(r.Notes)
			out = append(out, c)
		}
	}
	return out
}

// Requests lists all requests in the order of their arrival; those under way have no Outcome yet.
func (s *Server) Requests() []Request {
	return s.journal.filter(func(Request) bool { return true })
}

// Misses lists the requests of a sealed build that the lock does not answer. Any is a failure of the build.
func (s *Server) Misses() []Request { return s.outcome(OutcomeMissed) }

// Refused lists the requests that were not allowed, attempts with a wrong token among them.
func (s *Server) Refused() []Request { return s.outcome(OutcomeRefused) }

// Failed lists the requests that could not be captured or replayed, but for those whose key was answered in the end.
func (s *Server) Failed() []Request {
	served := map[key]bool{}
	for _, r := range s.outcome(OutcomeServed) {
		served[key{r.URL, r.Accept}] = true
	}
	return slices.DeleteFunc(s.outcome(OutcomeFailed), func(r Request) bool { return served[key{r.URL, r.Accept}] })
}

func (s *Server) outcome(o Outcome) []Request {
	return s.journal.filter(func(r Request) bool { return r.Outcome == o })
}

// Diagnostic explains a missed, refused or failed request to the user, or warns of a redacted secret; nil for any other.
// step ("Dockerfile:12") may be empty.
func (r Request) Diagnostic(step string) *diag.Diagnostic {
	by := ""
	if step != "" {
		by = " by " + step
	}
	switch {
	case r.Outcome == OutcomeMissed:
		d := diag.Errorf(diag.RequestUnlocked, "not in the lock, but asked for%s: `%s %s`", by, r.Method, r.URL)
		if r.Accept != "" {
			d = d.WithWhy("no entry has this URL with Accept: " + r.Accept)
		}
		return d.WithHelp("run `selfsame lock`")
	case r.Outcome == OutcomeRefused && r.Code == diag.RequestPrivate:
		return diag.Errorf(r.Code, "refused a private address, asked for%s: `%s`: %s", by, r.URL, r.Reason).
			WithHelp("if it is meant, name the host under `record.private` in the recipe")
	case r.Outcome == OutcomeRefused:
		return diag.Errorf(diag.RequestRefused, "refused%s: `%s %s`: %s", by, r.Method, r.URL, r.Reason)
	case r.Outcome == OutcomeFailed && r.Code == diag.NoSpace:
		return diag.Errorf(r.Code, "storing the answer to a request%s: `%s %s`: %s", by, r.Method, r.URL, r.Reason).WithHelp("run `selfsame store gc`, or free space")
	case r.Outcome == OutcomeFailed:
		return diag.Errorf(r.Code, "could not answer%s: `%s %s`: %s", by, r.Method, r.URL, r.Reason)
	case slices.Contains(r.Notes, NoteSecret):
		return diag.Warnf(diag.RequestSecret, "a secret in the query was redacted%s: `%s`", by, r.URL)
	}
	return nil
}

package inputs

import (
	"io"
	"net"
	"net/http"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Server answers the GETs of one solve, from upstream (recorder) or from the lock (sealed). Make it with NewRecorder or
// NewSealed, then Start. All methods are safe for concurrent use.
type Server struct{}

// NewToken makes the random part of a Server's URLs out of 32 bytes of random.
func NewToken(random io.Reader) (string, error) { panic("not written yet") }

// RecorderOptions says what a recorder may reach and how patient it is. The zero value reaches public addresses only.
type RecorderOptions struct {
	// Private lists host or host:port names that may be on loopback, link-local or private addresses.
	Private []string
	// Mirrors maps a URL prefix as steps see it ("http://debian.invalid/") to the prefix really asked. A mirror's host may
	// be private, for mapped requests only.
	Mirrors map[string]string
	// Transport overrides the guarded transport; only for tests that inject faults, since dialled addresses then go unchecked.
	Transport http.RoundTripper
	// Now is the clock; required.
	Now func() time.Time
	// MaxBody bounds one response in bytes (0: 4 GiB).
	MaxBody int64
	// Attempts is how often one request is tried (0: 4); Backoff the first pause, doubled each time (0: 250 ms).
	Attempts int
	Backoff  time.Duration
	// Stall is how long upstream may send nothing (0: 60 s).
	Stall time.Duration
}

// NewRecorder makes a server that asks upstream and keeps every answer in store.
func NewRecorder(store *Store, token string, o RecorderOptions) (*Server, error) {
	panic("not written yet")
}

// NewSealed makes a server that answers with entries only (those of kind response and http). Two entries with one key
// and different answers are an error. now is the clock.
func NewSealed(store *Store, token string, entries []lock.Entry, now func() time.Time) (*Server, error) {
	panic("not written yet")
}

// Start serves on ln until Close. public is host:port as the builders' proxies reach ln; empty: ln's own address.
func (s *Server) Start(ln net.Listener, public string) error { panic("not written yet") }

// Close stops serving and waits for the requests under way.
func (s *Server) Close() error { panic("not written yet") }

// Owns says whether a source identifier is already a URL of this server: what BuildKit asks about again after a CONVERT.
// The policy callback allows these.
func (s *Server) Owns(identifier string) bool { panic("not written yet") }

// ConvertURL maps an http or https source identifier, as BuildKit's policy callback gets it for a request of a step, to
// this server's URL. False: it is no http(s) URL, or it is refused (user info in it, this server's own address), which
// Refused then lists.
func (s *Server) ConvertURL(identifier string) (string, bool) { panic("not written yet") }

// SourceURL is ConvertURL for an ADD of a URL, which the daemon fetches itself, following redirects without asking the
// policy: here redirects lead back to this server.
func (s *Server) SourceURL(identifier string) (string, bool) { panic("not written yet") }

// OriginalURL is the inverse of ConvertURL and SourceURL, for URLs in BuildKit's log. Its result is a Request's URL:
// default port removed, secret-like query values redacted.
func (s *Server) OriginalURL(serverURL string) (string, bool) { panic("not written yet") }

// Outcome says what became of a request.
type Outcome string

// The outcomes.
const (
	OutcomeServed  Outcome = "served"  // answered from upstream or the store
	OutcomeMissed  Outcome = "missed"  // sealed: not in the lock, answered 404
	OutcomeRefused Outcome = "refused" // not allowed: method, user info, private target, Vary: *, wrong token
	OutcomeFailed  Outcome = "failed"  // uncapturable: upstream or the store failed
)

// Request is one request as it was answered.
type Request struct {
	Method  string
	URL     string // original, without default port, secret-like query values redacted
	Accept  string // normalised: "*/*" and none are both empty
	Time    time.Time
	Outcome Outcome
	Status  int           // HTTP status sent
	Digest  digest.Digest // body in the store
	Size    int64         // body, bytes
	Headers digest.Digest // headers kept, in the store
	Cached  bool          // answered without asking upstream
	Reason  string        // why it was missed, refused or failed
	Notes   []string      // what a reader of the lock should know: "secret-like query", "credentials sent"
}

// Requests lists all requests in the order of their arrival; those under way have no Outcome yet.
func (s *Server) Requests() []Request { panic("not written yet") }

// Misses lists the requests of a sealed build that the lock does not answer. Any is a failure of the build.
func (s *Server) Misses() []Request { panic("not written yet") }

// Refused lists the requests that were not allowed.
func (s *Server) Refused() []Request { panic("not written yet") }

// Failed lists the requests that could not be captured or replayed and were not answered later either.
func (s *Server) Failed() []Request { panic("not written yet") }

// Diagnostic explains a missed, refused or failed request to the user; nil for one that was served. step may be empty.
func (r Request) Diagnostic(step string) *diag.Diagnostic { panic("not written yet") }

// Entries turns what was recorded into lines of the lock: one for each step that steps lists for a URL (keyed as
// OriginalURL gives it). Answers nobody is known to have fetched are returned as orphans, without a line.
func (s *Server) Entries(platform string, steps map[string][]string) (entries []lock.Entry, orphans []Request) {
	panic("not written yet")
}

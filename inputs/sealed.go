package inputs

import (
	"net/http"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// sealed knows the answers of the lock and no others.
type sealed struct {
	answers map[key]answer
}

// NewSealed makes a server that answers with entries only (those of kind response and http). Two entries with one key
// and different answers are a diagnostic. now is the clock.
func NewSealed(store *Store, token string, entries []lock.Entry, now func() time.Time) (*Server, error) {
	m := &sealed{answers: map[key]answer{}}
	for _, e := range entries {
		if e.Kind != lock.KindResponse && e.Kind != lock.KindHTTP {
			continue
		}
		k, a := key{e.Key, e.Accept}, lockedAnswer(e)
		if had, ok := m.answers[k]; ok && !had.same(a) {
			return nil, diag.Errorf(diag.RequestAmbiguous, "two answers to one request in the lock: `%s`", e.Key).
				WithHelp("run `selfsame lock`")
		}
		m.answers[k] = a
	}
	return newServer(store, token, now, m)
}

// lockedAnswer is an entry as an answer.
func lockedAnswer(e lock.Entry) answer {
	return answer{status: e.Status, headers: Blob{Digest: e.Headers}, body: Blob{e.Digest, e.Size}}
}

// same compares what a client can see.
func (a answer) same(b answer) bool {
	type seen struct {
		status        int
		headers, body digest.Digest
	}
	return seen{a.status, a.headers.Digest, a.body.Digest} == seen{b.status, b.headers.Digest, b.body.Digest}
}

func (m *sealed) serve(s *Server, w http.ResponseWriter, r *http.Request, k key, _ string, req *Request) {
	a, ok := m.answers[k]
	if !ok {
		s.reject(w, req, OutcomeMissed, http.StatusNotFound, diag.RequestUnlocked, "not in the lock; run `selfsame lock`")
		return
	}
	s.replay(w, r, a, req, true)
}

package inputs

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// answer is one recorded response.
type answer struct {
	status  int
	headers Blob
	body    Blob
	kept    http.Header
	refused *failure // why the answer is a refusal; nil: it is upstream's
}

// replay serves an answer from the store. The body is hashed before its first byte leaves (once per process) and again
// while it leaves: damage is an error of ours and never a build from damaged bytes.
func (s *Server) replay(w http.ResponseWriter, r *http.Request, a answer, req *Request, cached bool) {
	kept, err := s.headers(a)
	if err == nil {
		err = s.store.verifyOnce(a.body.Digest)
	}
	var body io.ReadCloser
	var size int64
	if err == nil {
		body, size, err = s.store.Open(a.body.Digest)
	}
	if err != nil {
		s.reject(w, req, OutcomeFailed, http.StatusInternalServerError, blobCode(err), err.Error())
		return
	}
	defer body.Close()
	if size != a.body.Size {
		err := &BlobError{a.body.Digest, ErrCorrupt}
		s.reject(w, req, OutcomeFailed, http.StatusInternalServerError, diag.InputCorrupt, err.Error())
		return
	}
	s.served(req, a, cached)
	s.writeHead(w, req, a.status, kept, size)
	if r.Method == http.MethodHead || !bodyAllowed(a.status) {
		return
	}
	if err := copyBody(w, body, func() {}); err != nil {
		s.journal.change(req, func(r *Request) {
			r.Outcome, r.Code, r.Reason = OutcomeFailed, blobCode(err), err.Error()
		})
		panic(http.ErrAbortHandler) // the client must not take what it got for the whole
	}
}

// headers gives an answer's kept headers, from the store if need be.
func (s *Server) headers(a answer) (http.Header, error) {
	if a.kept != nil {
		return a.kept, nil
	}
	if a.headers.Digest == "" {
		return http.Header{}, nil
	}
	rc, _, err := s.store.Open(a.headers.Digest)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	text, err := io.ReadAll(io.LimitReader(rc, maxHeaderText+1))
	if err != nil {
		return nil, err
	}
	return parseHeaderText(text)
}

// served notes a successful answer.
func (s *Server) served(req *Request, a answer, cached bool) {
	s.journal.change(req, func(r *Request) {
		r.Outcome, r.Status, r.Digest, r.Size, r.Headers = OutcomeServed, a.status, a.body.Digest, a.body.Size, a.headers.Digest
		r.Cached = cached
		if a.refused != nil {
			r.Outcome, r.Code, r.Reason = OutcomeRefused, a.refused.code, a.refused.reason
		}
	})
}

// writeHead sends status and headers: exactly those kept, so none that net/http would invent. size < 0: not known yet.
func (s *Server) writeHead(w http.ResponseWriter, req *Request, status int, kept http.Header, size int64) {
	h := w.Header()
	h["Date"], h["Content-Type"] = nil, nil
	for name, values := range kept {
		h[name] = slices.Clone(values)
	}
	if l := kept.Get("Location"); l != "" && req.Route == RouteSource {
		h.Del("Location") // the daemon would follow it past the policy
		if own, ok := s.follow(req.URL, l); ok {
			h.Set("Location", own)
		}
	}
	if size >= 0 && bodyAllowed(status) {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	w.WriteHeader(status)
}

// follow turns a redirect of from into this server's URL for it.
func (s *Server) follow(from, location string) (string, bool) {
	target, ok := resolve(from, location)
	if !ok {
		return "", false
	}
	return s.SourceURL(target)
}

// resolve is the URL that a Location header means (RFC 9110 section 10.2.2), in normal form.
func resolve(from, location string) (string, bool) {
	base, err := url.Parse(from)
	if err != nil {
		return "", false
	}
	to, err := base.Parse(strings.TrimSpace(location))
	if err != nil {
		return "", false
	}
	normal, err := normalURL(to.String())
	return normal, err == nil
}

// bodyAllowed is false for the statuses that never have a body (RFC 9110 section 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// copyBody copies r to w, but keeps the last piece back until r has ended well and last was called: only then may a client
// believe that it has the whole. The error is r's; that of a client that went away does not matter.
func copyBody(w io.Writer, r io.Reader, last func()) error {
	buf, held := make([]byte, 128<<10), make([]byte, 0, 128<<10)
	gone := false
	for {
		n, err := r.Read(buf)
		switch {
		case err != nil && err != io.EOF:
			return err
		case err == io.EOF:
			last()
		}
		if (n > 0 || err == io.EOF) && len(held) > 0 && !gone {
			_, werr := w.Write(held)
			gone, held = werr != nil, held[:0]
		}
		if err == io.EOF {
			if n > 0 && !gone {
				_, _ = w.Write(buf[:n])
			}
			return nil
		}
		if n > 0 {
			held = append(held[:0], buf[:n]...)
		}
	}
}

// blobCode is the diagnostic code of a store's error.
func blobCode(err error) diag.Code {
	switch {
	case errors.Is(err, ErrMissing):
		return diag.InputMissing
	case errors.Is(err, ErrCorrupt):
		return diag.InputCorrupt
	}
	return diag.RequestFailed
}

package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

type handler struct {
	opts  Options
	store store
	// mu makes the check of what a manifest refers to and its storing one step; blobs need no lock, they are content-addressed.
	mu sync.Mutex
	// listed are the names in folders of referrers, in order, until the folder changes: a listing of many pages reads it once.
	listed map[string][]string
}

// failure is an error in the form of the distribution specification ("Error Codes").
type failure struct {
	status  int
	code    string
	message string
}

// Error names the code.
func (f *failure) Error() string { return f.code + ": " + f.message }

func fail(status int, code, format string, args ...any) error {
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

// The grammar of names, distribution-spec "Pulling manifests"; it has no "..", no leading "_" and no "." component.
var (
	nameGrammar = lazyregexp.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar  = lazyregexp.New(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	route       = lazyregexp.New(`^/v2/(.+)/(blobs/uploads|blobs|manifests|referrers|tags)/([^/]*)$`)
)

// ServeHTTP routes a request by the kind of thing it is about.
func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	if err := h.serve(w, req); err != nil {
		writeFailure(w, err)
	}
}

func (h *handler) serve(w http.ResponseWriter, req *http.Request) error {
	if req.URL.Path == "/v2/" || req.URL.Path == "/v2" {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	m := route.FindStringSubmatch(req.URL.Path)
	if m == nil || len(m[1]) > 255 {
		return fail(http.StatusNotFound, "UNSUPPORTED", "no such endpoint")
	}
	repo, kind, item := m[1], m[2], m[3]
	if !nameGrammar.MatchString(repo) {
		return fail(http.StatusBadRequest, "NAME_INVALID", "repository name")
	}
	switch {
	case kind == "blobs/uploads":
		return h.upload(w, req, repo, item)
	case kind == "blobs":
		return h.blob(w, req, item)
	case kind == "manifests":
		return h.manifest(w, req, repo, item)
	case kind == "referrers" && !h.opts.NoReferrersAPI:
		return h.referrers(w, req, repo, item)
	case kind == "tags" && item == "list":
		return h.tags(w, req, repo)
	}
	return fail(http.StatusNotFound, "UNSUPPORTED", "no such endpoint")
}

func writeFailure(w http.ResponseWriter, err error) {
	var f *failure
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
	case errors.As(err, &tooLarge):
		f = &failure{http.StatusRequestEntityTooLarge, "SIZE_INVALID", err.Error()}
	case errors.Is(err, fs.ErrNotExist):
		f = &failure{http.StatusNotFound, "NOT_FOUND", "not here"}
	default:
		f = &failure{http.StatusInternalServerError, "UNKNOWN", err.Error()}
	}
	type item struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	writeJSON(w, f.status, "application/json", map[string][]item{"errors": {{f.code, f.message}}})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", fmt.Sprint(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client went away: nobody to tell
}

func method(w http.ResponseWriter, allowed ...string) error {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return fail(http.StatusMethodNotAllowed, "UNSUPPORTED", "method")
}

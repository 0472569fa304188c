package registry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// watched is content that never ends, and notices who reads it while, or after, it is closed.
type watched struct {
	reading, closed atomic.Int32
	wrong           atomic.Pointer[string]
}

func (w *watched) Read(p []byte) (int, error) {
	w.reading.Add(1)
	defer w.reading.Add(-1)
	time.Sleep(time.Millisecond)
	if w.closed.Load() > 0 {
		w.says("read after it was closed")
	}
	return len(p), nil
}

func (w *watched) Close() error {
	if w.reading.Load() > 0 {
		w.says("closed while it was read")
	}
	if w.closed.Add(1) > 1 {
		w.says("closed twice")
	}
	return nil
}

func (w *watched) says(what string) { w.wrong.Store(&what) }

// TestAnsweredBeforeItIsSent: a registry may answer before it has read what it is sent, and net/http goes on reading that meanwhile. Content is
// closed when nobody reads it, once.
func TestAnsweredBeforeItIsSent(t *testing.T) {
	for name, code := range map[string]int{"taken": http.StatusCreated, "refused": http.StatusForbidden} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.Method {
				case http.MethodPost:
					w.Header().Set("Location", "/upload")
					w.WriteHeader(http.StatusAccepted)
				case http.MethodPut:
					w.WriteHeader(code)
				}
			}))
			defer s.Close()
			repo, err := New(Options{Attempts: 1}).Repository(strings.TrimPrefix(s.URL, "http://") + "/app")
			if err != nil {
				t.Fatal(err)
			}
			session, err := repo.session(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			var w watched
			blob := artifact.Descriptor{Digest: digest.FromString("something else"), Size: 1 << 40}
			err = repo.upload(t.Context(), session, blob, func() (io.ReadCloser, error) { return &w, nil })
			if taken := code == http.StatusCreated; taken != (err == nil) || !taken && status(err) != code {
				t.Errorf("answered %d: %v", code, err)
			}
			time.Sleep(20 * time.Millisecond) // for whoever still reads
			if why := w.wrong.Load(); why != nil {
				t.Error(*why)
			}
			if n := w.closed.Load(); n != 1 {
				t.Errorf("closed %d times", n)
			}
		})
	}
}

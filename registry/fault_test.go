package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
)

// fault answers in the registry's place while it says so; it gets the handler behind it too.
type fault func(w http.ResponseWriter, req *http.Request, next http.Handler)

// faulty serves a registry that a fault can be switched on for.
func faulty(t *testing.T, opts local.Options) (host string, set func(fault)) {
	var current atomic.Pointer[fault]
	host = serve(t, opts, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if f := current.Load(); f != nil {
				(*f)(w, req, next)
				return
			}
			next.ServeHTTP(w, req)
		})
	})
	return host, func(f fault) { current.Store(&f) }
}

// on limits a fault to requests with this method and part of the path.
func on(method, path string, f fault) fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if req.Method == method && strings.Contains(req.URL.Path, path) {
			f(w, req, next)
			return
		}
		next.ServeHTTP(w, req)
	}
}

func answer(status int, header ...string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "no\x1b[31m\nway")
	}
}

// times answers with f the first n times.
func times(n int32, f fault) fault {
	var count atomic.Int32
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if count.Add(1) <= n {
			f(w, req, next)
			return
		}
		next.ServeHTTP(w, req)
	}
}

func stall(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, req.Body)
	<-req.Context().Done()
}

// endless sends bytes for as long as anyone listens.
func endless(status int, contentType string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
}

// TestFaultsOnRead pulls an image through each fault. want "" means that the pull is to succeed all the same.
func TestFaultsOnRead(t *testing.T) {
	other := "sha256:" + strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		fault fault
		want  diag.Code
		exit  int
	}{
		"401 everywhere":         {on("GET", "/", answer(401)), "A0510", diag.ExitUndecided},
		"401 with a challenge":   {on("GET", "/", answer(401, "WWW-Authenticate", `Basic realm="x"`)), "A0510", diag.ExitUndecided},
		"403 on the manifest":    {on("GET", "/manifests/", answer(403)), "A0510", diag.ExitUndecided},
		"404":                    {on("GET", "/manifests/", answer(404)), "A0513", diag.ExitUndecided},
		"429 then ok":            {on("GET", "/manifests/", times(2, answer(429, "Retry-After", "0"))), "", 0},
		"503 at login then ok":   {on("GET", "/v2/", times(1, answer(503, "Retry-After", "0"))), "", 0},
		"500 for ever":           {on("GET", "/blobs/", answer(500, "Retry-After", "0")), "A0511", diag.ExitUndecided},
		"manifest stalls":        {on("GET", "/manifests/", stall), "A0511", diag.ExitUndecided},
		"blob stalls":            {on("GET", "/blobs/", stall), "A0511", diag.ExitUndecided},
		"blob stalls midway":     {on("GET", "/blobs/", halfThen(stall)), "A0511", diag.ExitUndecided},
		"lying digest header":    {on("GET", "/manifests/", lying(other)), "A0512", diag.ExitInvalid},
		"blob cut short":         {on("GET", "/blobs/", cut), "A0512", diag.ExitInvalid},
		"connection lost once":   {on("GET", "/blobs/", times(1, halfThen(hangUp))), "", 0},
		"connection always lost": {on("GET", "/blobs/", halfThen(hangUp)), "A0511", diag.ExitUndecided},
		"blob flipped":           {on("GET", "/blobs/", flip), "A0512", diag.ExitInvalid},
		"child manifest flipped": {on("GET", "/manifests/sha256:", flip), "A0512", diag.ExitInvalid},
		"endless manifest":       {on("GET", "/manifests/", endless(200, "application/vnd.oci.image.index.v1+json")), "A0517", diag.ExitInvalid},
		"endless blob":           {on("GET", "/blobs/", endless(200, "application/octet-stream")), "A0512", diag.ExitInvalid},
		"endless error":          {on("GET", "/manifests/", endless(404, "text/plain")), "A0513", diag.ExitUndecided},
		"endless listing":        {on("GET", "/referrers/", endless(200, "application/vnd.oci.image.index.v1+json")), "A0517", diag.ExitInvalid},
		"redirect loop":          {on("GET", "/blobs/", redirect("")), "A0511", diag.ExitUndecided},
		"redirect to plain http": {on("GET", "/blobs/", redirect("http://example.com/x")), "A0511", diag.ExitUndecided},
		"not a manifest":         {on("GET", "/manifests/1", flip), "A0517", diag.ExitInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, set := faulty(t, local.Options{})
			ref, pushed := push(t, host, 200_000)
			if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1)); err != nil {
				t.Fatal(err)
			}
			set(c.fault)
			client := registry.New(registry.Options{Keychain: anonymous{}, Stall: 3 * time.Second, Attempts: 3})
			start := time.Now()
			_, err := client.Pull(t.Context(), ref, t.TempDir())
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %v", took)
			}
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantCode(t, err, c.want)
			if got := diag.ExitCode(err); got != c.exit {
				t.Errorf("exit code %d, want %d", got, c.exit)
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("control characters of the registry in %q", err)
			}
		})
	}
}

func lying(d string) fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, req)
		copyHeader(w, rec)
		w.Header().Set("Docker-Content-Digest", d)
		_, _ = w.Write(rec.Body.Bytes())
	}
}

func copyHeader(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
}

// flip changes one byte, in a place where JSON stays JSON of a kind.
func flip(w http.ResponseWriter, req *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, req)
	copyHeader(w, rec)
	w.Header().Del("Docker-Content-Digest")
	raw := rec.Body.Bytes()
	if len(raw) > 2 {
		raw[len(raw)-2] ^= 1
	}
	_, _ = w.Write(raw)
}

// cut sends all but the last byte and says that this is all.
func cut(w http.ResponseWriter, req *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, req)
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()-1])
}

func halfThen(f fault) fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, req)
		copyHeader(w, rec)
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
		w.(http.Flusher).Flush()
		f(w, req, next)
	}
}

func hangUp(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

func redirect(to string) fault {
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
		if to == "" {
			http.Redirect(w, req, req.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		http.Redirect(w, req, to, http.StatusTemporaryRedirect)
	}
}

// TestFaultsOnPush pushes through each fault; where it fails there is no tag afterwards.
func TestFaultsOnPush(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		want  diag.Code
	}{
		"401":                   {answer(401), "A0510"},
		"403 on upload":         {on("POST", "/blobs/", answer(403)), "A0510"},
		"429 on upload":         {on("POST", "/blobs/", times(2, answer(429, "Retry-After", "0"))), ""},
		"500 on a blob":         {on("PUT", "/blobs/", times(1, answer(500))), ""},
		"429 on a manifest":     {on("PUT", "/manifests/", times(2, answer(429, "Retry-After", "0"))), ""},
		"manifests refused":     {on("PUT", "/manifests/", answer(400)), "A0511"},
		"upload stalls":         {on("PUT", "/blobs/", stall), "A0511"},
		"no place":              {on("POST", "/blobs/", answer(202)), "A0511"},
		"stores something else": {on("PUT", "/manifests/", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(201) }), "A0513"},
		"lies about the digest": {on("PUT", "/manifests/", answer(201, "Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))), "A0512"},
		"tag refused":           {on("PUT", "/manifests/1", answer(405)), "A0511"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, set := faulty(t, local.Options{})
			dir, image := testImage(t, 200_000)
			set(c.fault)
			client := registry.New(registry.Options{Keychain: anonymous{}, Stall: 3 * time.Second, Attempts: 3})
			_, err := client.Push(t.Context(), dir, image.Digest, host+"/app:1", nil)
			set(func(w http.ResponseWriter, req *http.Request, next http.Handler) { next.ServeHTTP(w, req) })
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantCode(t, err, c.want)
			_, err = newClient(t).Resolve(t.Context(), host+"/app:1")
			wantCode(t, err, "A0513")
		})
	}
}

// TestCancelDuringUpload ends a push in the middle of a blob: soon, as a cancellation, and without a tag.
func TestCancelDuringUpload(t *testing.T) {
	host, set := faulty(t, local.Options{})
	dir, image := testImage(t, 200_000)
	set(on("PUT", "/blobs/", stall))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	start := time.Now()
	_, err := newClient(t).Push(ctx, dir, image.Digest, host+"/app:1", nil)
	if !errors.Is(err, context.Canceled) || diag.ExitCode(err) != diag.ExitInterrupted || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestReferrerFaults lists referrers through each fault.
func TestReferrerFaults(t *testing.T) {
	host, set := faulty(t, local.Options{PageSize: 2})
	_, pushed := push(t, host, 100)
	repo, subject := pushed.Repository, pushed.Descriptor
	for i := range 5 {
		if _, err := repo.Attach(t.Context(), subject, evidence(i)); err != nil {
			t.Fatal(err)
		}
	}
	list := func(b artifact.Budget) (artifact.Listing, error) {
		return repo.Referrers(t.Context(), subject.Digest, b)
	}
	incomplete := func(b artifact.Budget) {
		t.Helper()
		_, err := list(b)
		wantCode(t, err, "A0515")
		var inc *artifact.IncompleteError
		if !errors.As(err, &inc) || inc.Subject != subject.Digest {
			t.Errorf("%v is no IncompleteError of the subject", err)
		}
	}
	if l, err := list(artifact.Budget{Referrers: 5, Pages: 3}); err != nil || len(l.Referrers) != 5 {
		t.Errorf("within the budget: %d, %v", len(l.Referrers), err)
	}
	incomplete(artifact.Budget{Referrers: 4})
	incomplete(artifact.Budget{Pages: 2})
	incomplete(artifact.Budget{Bytes: 1000})

	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Store(true) }))
	defer elsewhere.Close()
	for _, link := range []string{elsewhere.URL + "/v2/team/app/referrers/" + subject.Digest.String(), "/v2/other/referrers/x", "//evil.example/x"} {
		set(on("GET", "/referrers/", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, req)
			copyHeader(w, rec)
			w.Header().Set("Link", "<"+link+`>; rel="next"`)
			_, _ = w.Write(rec.Body.Bytes())
		}))
		_, err := list(artifact.Budget{})
		wantCode(t, err, "A0517")
	}
	if leaked.Load() {
		t.Error("the other host was asked")
	}
	// A page that links to itself is bounded.
	set(on("GET", "/referrers/", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		req.URL.RawQuery = ""
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, req)
		copyHeader(w, rec)
		w.Header().Set("Link", "<"+req.URL.Path+`?last=x>; rel="next"`)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	incomplete(artifact.Budget{})
}

// TestListingThatLies: entries of a listing that are something else are rejected by name, and the good ones stay.
func TestListingThatLies(t *testing.T) {
	host, set := faulty(t, local.Options{})
	_, pushed := push(t, host, 100)
	repo, subject := pushed.Repository, pushed.Descriptor
	good, err := repo.Attach(t.Context(), subject, evidence(1))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := repo.Attach(t.Context(), pushed.Manifests[0], evidence(2))
	if err != nil {
		t.Fatal(err)
	}
	gone := artifact.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: digest.FromString("gone"), Size: 4}
	small := good[0]
	small.Size--
	huge := gone
	huge.Size, huge.Digest = 5<<20, digest.FromString("huge")
	index := map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []any{
		subject, foreign[0], gone, huge, good[0], small,
	}}
	set(on("GET", "/referrers/", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		_, _ = w.Write(mustJSON(t, index))
	}))
	found, err := repo.Referrers(t.Context(), subject.Digest, artifact.Budget{})
	if err != nil || len(found.Referrers) != 1 || found.Referrers[0].Descriptor.Digest != good[0].Digest || len(found.Rejected) != 4 {
		t.Fatalf("%+v, %v", found, err)
	}
	pulled, err := newClient(t).Pull(t.Context(), pushed.Pinned(), t.TempDir())
	if err != nil || len(pulled.Rejected) < 4 {
		t.Errorf("pulling past junk: %d rejected, %v", len(pulled.Rejected), err)
	}
	for i, want := range []string{"names no subject", "its subject is " + pushed.Manifests[0].Digest.String(), "listed, and not there", "a manifest of 5242880 bytes, the limit is 4194304"} {
		if got := found.Rejected[i].Reason; got != want {
			t.Errorf("rejected %d because %q, want %q", i, got, want)
		}
	}
}

package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
)

// The names N14 to N17 are classes of faults that real clients had; each comment names an advisory. TestFaultsOnRead, TestReferrerFaults
// and TestListingThatLies have more of them.

// TestN14TagIsReadOnce: CVE-2022-47633, CVE-2023-33959. A registry that answers to a tag with another image each time is asked once; all
// that is pulled belongs to that answer.
func TestN14TagIsReadOnce(t *testing.T) {
	var asked atomic.Int32
	host := serve(t, local.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/manifests/moving") {
				req.URL.Path = strings.TrimSuffix(req.URL.Path, "moving") + fmt.Sprintf("v%d", asked.Add(1))
			}
			next.ServeHTTP(w, req)
		})
	})
	c := newClient(t)
	var first digest.Digest
	for i := range 2 {
		dir, image := testImage(t, 100)
		if i == 0 {
			first = image.Digest
		}
		if _, err := c.Push(t.Context(), dir, image.Digest, fmt.Sprintf("%s/team/app:v%d", host, i+1), nil); err != nil {
			t.Fatal(err)
		}
	}
	pulled, err := c.Pull(t.Context(), host+"/team/app:moving", t.TempDir())
	if err != nil || pulled.Descriptor.Digest != first || asked.Load() != 1 {
		t.Errorf("%s after %d questions, want %s: %v", pulled.Descriptor.Digest, asked.Load(), first, err)
	}
}

// TestN15EndlessPages: CVE-2023-46737, CVE-2024-29902. A listing without end, with new entries on every page, ends at the budget and says
// so; so does one of huge pages.
func TestN15EndlessPages(t *testing.T) {
	var page atomic.Int32
	host, set := faulty(t, local.Options{})
	_, pushed := push(t, host, 100)
	set(on("GET", "/referrers/", func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
		n := page.Add(1)
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		w.Header().Set("Link", fmt.Sprintf(`<%s?last=%d>; rel="next"`, req.URL.Path, n))
		d := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint(n)), Size: 10}
		_, _ = w.Write(mustJSON(t, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{d}}))
	}))
	start := time.Now()
	_, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
	wantCode(t, err, "A0515")
	if n := page.Load(); n > 65 || time.Since(start) > 30*time.Second {
		t.Errorf("%d pages in %v", n, time.Since(start))
	}
	page.Store(0)
	if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1)); err != nil || page.Load() > 8 {
		t.Errorf("attaching read %d pages, %v", page.Load(), err)
	}
}

// TestN16NextPageElsewhere: CVE-2025-27403, CVE-2026-50151. A listing that goes on on another host gets neither credentials nor a request.
func TestN16NextPageElsewhere(t *testing.T) {
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	host := serve(t, local.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, _ := req.BasicAuth(); user != "ann" || password != "secret" {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if strings.Contains(req.URL.Path, "/referrers/") {
				w.Header().Set("Link", "<"+elsewhere.URL+req.URL.Path+`>; rel="next"`)
			}
			next.ServeHTTP(w, req)
		})
	})
	c := registry.New(registry.Options{Keychain: login{"ann", "secret"}})
	repo, err := c.Repository(host + "/team/app")
	if err != nil {
		t.Fatal(err)
	}
	_, err = repo.Referrers(t.Context(), digest.FromString("x"), artifact.Budget{})
	wantCode(t, err, "A0517")
	if asked.Load() != 0 {
		t.Error("the other host was asked")
	}
}

// TestN17ManifestOrIndex: GHSA-77vh-xpmg-72qh (CVE-2021-41190). What could be read as a manifest and as an index is no referrer, and what
// the listing calls one thing and the registry serves as another is not either.
func TestN17ManifestOrIndex(t *testing.T) {
	host, set := faulty(t, local.Options{})
	_, pushed := push(t, host, 100)
	repo, subject := pushed.Repository, pushed.Descriptor
	good, err := repo.Attach(t.Context(), subject, evidence(1))
	if err != nil {
		t.Fatal(err)
	}
	_, raw, err := repo.Manifest(t.Context(), good[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	both := strings.TrimSuffix(string(raw), "}") + `,"manifests":[]}`
	asBoth := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString(both), Size: int64(len(both))}
	asIndex := good[0]
	asIndex.MediaType = v1.MediaTypeImageIndex
	for _, c := range []struct {
		listed artifact.Descriptor
		body   string
	}{{asBoth, both}, {asIndex, string(raw)}} {
		set(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			switch {
			case strings.Contains(req.URL.Path, "/referrers/"):
				w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
				_, _ = w.Write(mustJSON(t, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{c.listed}}))
			case strings.HasSuffix(req.URL.Path, c.listed.Digest.String()):
				w.Header().Set("Content-Type", c.listed.MediaType)
				_, _ = w.Write([]byte(c.body))
			default:
				next.ServeHTTP(w, req)
			}
		})
		found, err := repo.Referrers(t.Context(), subject.Digest, artifact.Budget{})
		if err != nil || len(found.Referrers) != 0 || len(found.Rejected) != 1 {
			t.Errorf("%s: %+v, %v", c.listed.MediaType, found, err)
		}
	}
}

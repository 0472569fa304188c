package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// other runs go-containerregistry's registry, an implementation that is not ours: it lists wrong artifact types, sends no
// OCI-Subject, and has no pages.
func other(t *testing.T, api bool) string {
	t.Helper()
	s := httptest.NewServer(ggcr.New(ggcr.WithReferrersSupport(api), ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// slow keeps every request for a while, and a write now and then for long: the index that it carries is old by then.
func slow(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		wait := time.Duration(rand.IntN(20)) * time.Millisecond
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/sha256-") && rand.IntN(4) == 0 {
			body, _ := io.ReadAll(req.Body)
			req.Body = io.NopCloser(bytes.NewReader(body))
			wait = time.Duration(100+rand.IntN(300)) * time.Millisecond
		}
		time.Sleep(wait)
		h.ServeHTTP(w, req)
	})
}

// distribution serves a registry that has no referrers API; "" when it is not here.
func distribution(t *testing.T) string {
	t.Helper()
	if fixture.Find("registry") == "" {
		t.Log("SKIPPED: distribution's registry is not here; `tools/build registry` builds it, or set SELFSAME_REGISTRY")
		return ""
	}
	return fixture.Distribution(t)
}

func registries(t *testing.T) map[string]string {
	all := map[string]string{
		"with API":          serve(t, local.Options{PageSize: 5}, nil),
		"without API":       serve(t, local.Options{NoReferrersAPI: true}, nil),
		"without API, slow": serve(t, local.Options{NoReferrersAPI: true}, slow),
		"other with API":    other(t, true),
		"other without API": other(t, false),
	}
	if host := distribution(t); host != "" {
		all["distribution"] = host
	}
	return all
}

// TestParallelAttach: 32 attaches at once, each by a client of its own as 32 processes would be, keep 32 entries.
func TestParallelAttach(t *testing.T) {
	for name, host := range registries(t) {
		for _, shared := range []bool{false, true} {
			t.Run(name+" shared client "+strconv.FormatBool(shared), func(t *testing.T) {
				_, pushed := push(t, host, 100) // one after the other: they have one tag
				t.Parallel()
				if shared {
					pushed.Descriptor = pushed.Manifests[0] // another subject
				}
				client := newClient(t)
				start := time.Now()
				var wg sync.WaitGroup
				for i := range 32 {
					wg.Go(func() {
						c := client
						if !shared {
							c = newClient(t)
						}
						repo, err := c.Repository(host + "/team/app")
						if err == nil {
							_, err = repo.Attach(t.Context(), pushed.Descriptor, evidence(i))
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				t.Logf("32 attaches in %v", time.Since(start).Round(time.Millisecond))
				found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
				if err != nil || len(found.Referrers) != 32 || len(found.Rejected) != 0 {
					t.Fatalf("%d of 32 referrers, %d rejected, %v", len(found.Referrers), len(found.Rejected), err)
				}
				for _, r := range found.Referrers {
					if r.ArtifactType != "application/vnd.dev.sigstore.bundle.v0.3+json" || r.Subject.Digest != pushed.Descriptor.Digest {
						t.Errorf("%+v", r)
					}
				}
			})
		}
	}
}

// TestParallelAttachProcesses is the same with 32 processes: this test's binary, told what to attach by its environment.
func TestParallelAttachProcesses(t *testing.T) {
	if what := os.Getenv("SELFSAME_TEST_ATTACH"); what != "" {
		attachAsTold(t, what)
		return
	}
	if testing.Short() {
		t.Skip("starts 32 processes")
	}
	hosts := map[string]string{"with API": serve(t, local.Options{}, nil), "without API": serve(t, local.Options{NoReferrersAPI: true}, nil)}
	if host := distribution(t); host != "" {
		hosts["distribution"] = host
	}
	for name, host := range hosts {
		_, pushed := push(t, host, 100)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				cmd := exec.Command(os.Args[0], "-test.run=^TestParallelAttachProcesses$")
				what, err := json.Marshal(order{host + "/team/app", pushed.Descriptor, i})
				if err != nil {
					t.Error(err)
				}
				cmd.Env = append(os.Environ(), "SELFSAME_TEST_ATTACH="+string(what))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		wg.Wait()
		t.Logf("%s: 32 processes in %v", name, time.Since(start).Round(time.Millisecond))
		found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
		if err != nil || len(found.Referrers) != 32 {
			t.Errorf("%s: %d of 32 referrers, %v", name, len(found.Referrers), err)
		}
	}
}

type order struct {
	Repository string
	Subject    artifact.Descriptor
	N          int
}

func attachAsTold(t *testing.T, what string) {
	var o order
	if err := json.Unmarshal([]byte(what), &o); err != nil {
		t.Fatal(err)
	}
	repo, err := newClient(t).Repository(o.Repository)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Attach(t.Context(), o.Subject, evidence(o.N)); err != nil {
		t.Fatal(err)
	}
}

// TestAttachAgain: attaching twice is one referrer, and an artifact's manifest is the same bytes each time.
func TestAttachAgain(t *testing.T) {
	for name, host := range registries(t) {
		_, pushed := push(t, host, 100)
		first, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1), evidence(2))
		if err != nil {
			t.Fatal(err)
		}
		second, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1))
		if err != nil || second[0].Digest != first[0].Digest {
			t.Errorf("%s: %v, %v", name, second, err)
		}
		found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
		if err != nil || len(found.Referrers) != 2 {
			t.Fatalf("%s: %d referrers, %v", name, len(found.Referrers), err)
		}
		blob, err := pushed.Repository.Blob(t.Context(), found.Referrers[0].Layers[0], 1<<20)
		if err != nil || !bytes.HasPrefix(blob, []byte(`{"n":`)) {
			t.Errorf("%s: blob %q, %v", name, blob, err)
		}
	}
}

// TestLostUpdateIsRepaired plays a writer that knows nothing of others: it puts its own index over the list while we are
// attaching. Our entry and the ones we saw must come back.
func TestLostUpdateIsRepaired(t *testing.T) {
	var writes atomic.Int32
	clobber := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/sha256-") && writes.Add(1) <= 2 {
				// The list that the clobbering writer had read before anyone wrote: empty.
				empty := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(empty)), int64(len(empty))
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, req)
				w.WriteHeader(rec.Code) // no Docker-Content-Digest: it would give the game away
				return
			}
			h.ServeHTTP(w, req)
		})
	}
	host := serve(t, local.Options{NoReferrersAPI: true}, clobber)
	_, pushed := push(t, host, 100)
	if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1)); err != nil {
		t.Fatal(err)
	}
	found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
	if err != nil || len(found.Referrers) != 1 || writes.Load() != 3 {
		t.Errorf("%d referrers after %d writes, %v", len(found.Referrers), writes.Load(), err)
	}
}

// TestImmutableTags: where the fallback tag cannot be changed, that is said.
func TestImmutableTags(t *testing.T) {
	host := serve(t, local.Options{NoReferrersAPI: true}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/sha256-") {
				http.Error(w, `{"errors":[{"code":"TAG_INVALID","message":"tag is immutable"}]}`, http.StatusConflict)
				return
			}
			h.ServeHTTP(w, req)
		})
	})
	_, pushed := push(t, host, 100)
	_, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1))
	wantCode(t, err, "A0516")
}

// TestUnlisted: a registry that claims to keep referrers and lists none is not believed.
func TestUnlisted(t *testing.T) {
	if testing.Short() {
		t.Skip("waits 12 s for a listing that never comes")
	}
	t.Parallel()
	host := serve(t, local.Options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if strings.Contains(req.URL.Path, "/referrers/") {
				req.URL.Path = req.URL.Path[:len(req.URL.Path)-64] + strings.Repeat("0", 64)
			}
			h.ServeHTTP(w, req)
		})
	})
	_, pushed := push(t, host, 100)
	_, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(1))
	wantCode(t, err, "A0516")
}

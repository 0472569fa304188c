package registry_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
)

// tagLegacy puts what cosign v2 left behind: a manifest without a subject under a tag.
func tagLegacy(t *testing.T, repo *registry.Repository, subject digest.Digest, suffix string) {
	t.Helper()
	tag := "sha256-" + subject.Encoded() + suffix
	a := artifact.Artifact{ArtifactType: v1.MediaTypeImageConfig, MediaType: "application/vnd.dsse.envelope.v1+json", Blob: []byte(`{"payload":"` + suffix + `"}`)}
	if _, err := repo.PutTagged(t.Context(), tag, a); err != nil {
		t.Fatal(err)
	}
}

// TestLegacyTags: cosign's old tags are listed, apart from referrers, and only where there is no referrer.
func TestLegacyTags(t *testing.T) {
	for name, opts := range map[string]local.Options{"with API": {}, "without API": {NoReferrersAPI: true}} {
		t.Run(name, func(t *testing.T) {
			_, pushed := push(t, serve(t, opts, nil), 100)
			repo, subject := pushed.Repository, pushed.Descriptor
			list := func() artifact.Listing {
				t.Helper()
				l, err := repo.Referrers(t.Context(), subject.Digest, artifact.Budget{})
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			if l := list(); len(l.Legacy) != 0 {
				t.Errorf("%+v", l)
			}
			for _, suffix := range []string{".att", ".sig", ".sbom"} {
				tagLegacy(t, repo, subject.Digest, suffix)
			}
			l := list()
			if len(l.Legacy) != 3 || len(l.Referrers)+len(l.Rejected) != 0 {
				t.Fatalf("%+v", l)
			}
			for i, suffix := range []string{".att", ".sig", ".sbom"} {
				if got := l.Legacy[i]; got.Tag != "sha256-"+subject.Digest.Encoded()+suffix || got.Layers[0].MediaType != "application/vnd.dsse.envelope.v1+json" {
					t.Errorf("%+v", got)
				}
			}
			if _, err := repo.Attach(t.Context(), subject, evidence(1)); err != nil {
				t.Fatal(err)
			}
			if l := list(); len(l.Legacy) != 0 || len(l.Referrers) != 1 {
				t.Errorf("with a referrer: %+v", l)
			}
		})
	}
}

// TestAttachReadsBackABoundedPart: where the registry vouches for a manifest, a long listing is not read to its end after every attach
// (issue 5: attach stays linear with 10,000 referrers); where it does not, it is.
func TestAttachReadsBackABoundedPart(t *testing.T) {
	for name, c := range map[string]struct {
		silent bool // sends no OCI-Subject
		most   int32
	}{"vouched for": {false, 8}, "not vouched for": {true, 33}} {
		t.Run(name, func(t *testing.T) {
			var pages atomic.Int32
			host := serve(t, local.Options{PageSize: 2}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if strings.Contains(req.URL.Path, "/referrers/") {
						pages.Add(1)
					}
					if c.silent {
						w = quiet{w}
					}
					next.ServeHTTP(w, req)
				})
			})
			_, pushed := push(t, host, 100)
			many := make([]artifact.Artifact, 60)
			for i := range many {
				many[i] = evidence(i)
			}
			if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, many...); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				pages.Store(0)
				if _, err := pushed.Repository.Attach(t.Context(), pushed.Descriptor, evidence(100+i)); err != nil {
					t.Fatal(err)
				}
				if got := pages.Load(); got > c.most || got == 0 {
					t.Errorf("%d pages were read", got)
				}
			}
			found, err := pushed.Repository.Referrers(t.Context(), pushed.Descriptor.Digest, artifact.Budget{})
			if err != nil || len(found.Referrers) != 65 {
				t.Errorf("%d referrers, %v", len(found.Referrers), err)
			}
		})
	}
}

// quiet drops OCI-Subject from what a handler sends.
type quiet struct{ http.ResponseWriter }

func (q quiet) WriteHeader(status int) {
	q.Header().Del("OCI-Subject")
	q.ResponseWriter.WriteHeader(status)
}

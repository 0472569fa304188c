package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
)

// TestWaiveUnderAnotherName: a finding that names another repository counts against the image, and its waiver has the image's own name.
func TestWaiveUnderAnotherName(t *testing.T) {
	w := newTrusting(t, "release", "qa", "head")
	handler, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var silent atomic.Bool // nothing is said of what is attached
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if silent.Load() && strings.Contains(r.URL.Path, "/referrers/") {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	config := artifact.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("config"), Size: 6}
	if err := w.image.PutBlob(t.Context(), config, strings.NewReader("config")); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(server.URL, "http://") + "/team/shop"
	client := registry.New(registry.Options{})
	if _, err := client.Push(t.Context(), "image", w.statements[0].Subject.Digest, name+":1", nil); err != nil {
		t.Fatal(err)
	}
	repo, err := client.Repository(name)
	if err != nil {
		t.Fatal(err)
	}
	say := func(key string, s provenance.Subjected, change ...string) digest.Digest {
		t.Helper()
		raw, err := os.ReadFile(key + ".key")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := signing.LoadSigner(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload := []byte(strings.NewReplacer(change...).Replace(string(s.Payload)))
		bundle, err := signing.SignUnchecked(t.Context(), signer, payload)
		if err == nil {
			_, err = repo.Attach(t.Context(), s.Subject, artifact.Bundle(signing.BundleMediaType, bundle, s.PredicateType))
		}
		if err != nil {
			t.Fatal(err)
		}
		return digest.FromBytes(payload)
	}
	var finding digest.Digest
	for _, s := range w.statements {
		say("release", s, shop, name)
		if finding == "" && s.PredicateType == provenance.PredicateRebuild {
			finding = say("qa", s, `"result":"match"`, `"result":"mismatch"`) // under the name that shop has elsewhere
		}
	}
	w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  qa: {keys: [qa.pub], roles: [finding]}\n  head: {keys: [head.pub], roles: [waiver]}\n")
	w.must(14, "differed", "verify", name+":1", "--trust", "trust.yaml")
	waive := func(finding digest.Digest) []string {
		return []string{"waive", name + ":1", "--finding", finding.String(), "--owner", "head@example.com", "--reason", "broken disk", "--key", "head.key",
			"--until", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}
	}
	w.must(10, "no statement", waive(digest.FromString("none"))...)
	silent.Store(true)
	w.must(17, "A0510", waive(finding)...) // that it was not seen is no fault of the command's
	silent.Store(false)
	w.must(0, "", waive(finding)...)
	w.must(0, "is overruled by head@example.com", "verify", name+":1", "--trust", "trust.yaml")
}

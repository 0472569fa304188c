package ground_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"encoding/json"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify/ground"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// typeTest is a statement of somebody's own.
const typeTest = "https://example.com/test/v1"

// world is a registry, a folder of trust files and a clock.
type world struct {
	t      *testing.T
	host   string
	dir    string
	now    time.Time
	client *registry.Client
	keys   map[string]*signing.Signer
	asked  func(*http.Request) bool // answers status where it says true
	status int                      // 0: 503
	server *httptest.Server

	lists, connections atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: noon, keys: map[string]*signing.Signer{}}
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/ops/denylist/") {
			w.lists.Add(1)
		}
		if w.asked != nil && w.asked(r) {
			rw.WriteHeader(cmp.Or(w.status, http.StatusServiceUnavailable))
			return
		}
		h.ServeHTTP(rw, r)
	}))
	w.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			w.connections.Add(1)
		}
	}
	w.server.Start()
	t.Cleanup(w.server.Close)
	w.host = strings.TrimPrefix(w.server.URL, "http://")
	w.client = registry.New(registry.Options{Keychain: anonymous{}, Attempts: 1, Connections: 64})
	for name, role := range map[string]trust.Role{"release": trust.Release, "revoker": trust.Revoker, "rules": trust.Policy, "other": ""} {
		w.keys[name] = signingtest.NewSigner(t, role)
		w.write(name+".pub", string(w.keys[name].Verifier().PEM()))
	}
	return w
}

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// trust writes a trust file; more are other keys of it.
func (w *world) trust(more string) string {
	return w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  ops: {keys: [revoker.pub], roles: [revoker]}\n  rules: {keys: [rules.pub], roles: [policy]}\n"+more)
}

func (w *world) denylist() string { return "denylist: {list: " + w.host + "/ops/denylist}\n" }

// push stores an image of one manifest under a name, and has release say of it that it was tested.
func (w *world) push(name, says string) digest.Digest {
	w.t.Helper()
	dir := w.t.TempDir()
	l, err := layout.Create(dir)
	w.must(err)
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	c := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	w.must(l.PutBlob(w.t.Context(), c, strings.NewReader(string(config))))
	raw, err := json.Marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: c, Layers: []v1.Descriptor{}, Annotations: map[string]string{"name": name}})
	w.must(err)
	d := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	w.must(l.PutBlob(w.t.Context(), d, strings.NewReader(string(raw))))
	w.must(l.Add(w.t.Context(), d, raw))
	pushed, err := w.client.Push(w.t.Context(), dir, d.Digest, w.host+"/"+name+":v1", nil)
	w.must(err)
	w.attach(name, d, says, typeTest, `{"passed":true}`)
	_ = pushed
	return d.Digest
}

// attach has release say something of an image, and gives the digest of the bundle.
func (w *world) attach(name string, d artifact.Descriptor, says, predicateType, predicate string) digest.Digest {
	w.t.Helper()
	repo, err := w.client.Repository(w.host + "/" + name)
	w.must(err)
	payload := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"%s","digest":{"sha256":"%s"}}],"predicateType":"%s","predicate":%s}`, says, d.Digest.Encoded(), predicateType, predicate)
	bundle, err := signing.SignUnchecked(w.t.Context(), w.keys["release"], []byte(payload))
	w.must(err)
	_, err = repo.Attach(w.t.Context(), d, artifact.Bundle(signing.BundleMediaType, bundle, predicateType))
	w.must(err)
	return digest.FromBytes(bundle)
}

// deny publishes a deny list of a number.
func (w *world) deny(sequence int64, images ...digest.Digest) {
	w.t.Helper()
	var entries []provenance.DenyEntry
	for _, d := range images {
		entries = append(entries, provenance.DenyEntry{Digest: d})
	}
	w.denyAll(sequence, entries...)
}

func (w *world) denyAll(sequence int64, entries ...provenance.DenyEntry) {
	w.t.Helper()
	l := provenance.DenyList{Edition: provenance.NewEdition(sequence, w.now, 7*day)}
	for _, e := range entries {
		e.Reason, e.Added = "it leaks", noon
		l.Entries = append(l.Entries, e)
	}
	s, err := provenance.DenyListStatement(w.host+"/ops/denylist", l)
	w.must(err)
	bundle, err := signing.Sign(w.t.Context(), w.keys["revoker"], s.Payload)
	w.must(err)
	place, err := freshness.OpenPlace(w.client, w.host+"/ops/denylist")
	w.must(err)
	_, err = place.Write(w.t.Context(), bundle)
	w.must(err)
}

func (w *world) config(trustFile string) ground.Config {
	return ground.Config{Setup: ground.Setup{Trust: trustFile, Client: w.client, Now: func() time.Time { return w.now }}}
}

func (w *world) open(c ground.Config) *ground.Ground {
	w.t.Helper()
	g, err := ground.Open(w.t.Context(), c)
	w.must(err)
	return g
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, code diag.Code) {
	t.Helper()
	for _, d := range diag.All(err) {
		if d.Code == code {
			return
		}
	}
	t.Errorf("%s: error %v, want %s", what, err, code)
}

func (w *world) publish(version int) {
	w.t.Helper()
	place, err := freshness.OpenPolicyPlace(w.client, w.host+"/ops/policy")
	w.must(err)
	_, err = freshness.PolicyPublisher{
		Place: place, Signer: w.keys["rules"], Trust: signing.Trust{Keys: []*signing.Verifier{w.keys["rules"].Verifier()}}, Life: 30 * day,
		Now: func() time.Time { return w.now }, Sleep: func(context.Context, time.Duration) error { return nil },
	}.Push(w.t.Context(), "policy.yaml", "policy", []byte(rules(version)))
	w.must(err)
}

func rules(version int) string {
	return fmt.Sprintf("policy: v1\nname: prod\nversion: %d\nrules:\n  - name: tested\n    match: [\"**\"]\n    require: statements.exists(s, s.type == '%s' && s.predicate.passed)\n    message: nobody tested it\n    fix: test it\n", version, typeTest)
}

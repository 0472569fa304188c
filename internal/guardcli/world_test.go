package guardcli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/guardcli"
	"github.com/selfsame-build/selfsame/internal/invocation"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

// world is a registry, keys, and the folder of a guard.
type world struct {
	t      *testing.T
	dir    string
	host   string
	client *registry.Client
	keys   map[trust.Role]*signing.Signer
	down   atomic.Bool
	agent  agent.Client
	stop   func() int
	log    locked

	mu        sync.Mutex
	referrers map[string]int // requests for what is attached to an image
}

// locked is a buffer that two may use.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *locked) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), keys: map[trust.Role]*signing.Signer{}, referrers: map[string]int{}}
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	w.must(err)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if _, d, ok := strings.Cut(r.URL.Path, "/referrers/"); ok {
			w.mu.Lock()
			w.referrers[d]++
			w.mu.Unlock()
		}
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.host = strings.TrimPrefix(s.URL, "http://")
	w.client = registry.New(registry.Options{Attempts: 1})
	var signers strings.Builder
	for _, role := range []trust.Role{trust.Release, trust.Revoker, trust.BreakGlass} {
		w.keys[role] = signingtest.NewSigner(t, role)
		w.write(string(role)+".pub", string(w.keys[role].Verifier().PEM()))
		fmt.Fprintf(&signers, "  %s: {keys: [%s.pub], roles: [%s]}\n", role, role, role)
	}
	w.write("trust.yaml", "trust: v1\nsigners:\n"+signers.String()+"denylist: {list: denylist.json}\n")
	w.write("policy.yaml", rules(1, "spdx"))
	w.deny(1)
	w.must(os.Mkdir(filepath.Join(w.dir, "glass"), 0o700))
	w.write("guard.yaml", "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nstate: state\nsocket: {path: run/guard.sock}\nbreakGlass: glass\nrefresh: 1s\nwatch: 1s\nkeep: {refused: 1s}\n")
	w.agent = agent.Client{Socket: filepath.Join(w.dir, "run", "guard.sock")}
	return w
}

// rules are a policy that wants a statement of a type.
func rules(version int, typ string) string {
	return fmt.Sprintf("policy: v1\nname: prod\nversion: %d\nrules:\n  - {name: contents, match: [\"**\"], require: 'signatures.exists(s, s.signer == \"release\" && s.subject == image.digest && s.type.matches(\"%s\"))', message: nobody says what is in it, fix: sign its contents}\n", version, typ)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// write replaces a file in one step, as an operator should.
func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.WriteFile(path+".new", []byte(text), 0o600))
	w.must(os.Rename(path+".new", path))
	return path
}

// push stores an image of one manifest, with a signed list of its contents.
func (w *world) push(name string) engine.Question {
	w.t.Helper()
	dir := w.t.TempDir()
	l, err := layout.Create(dir)
	w.must(err)
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	c := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	w.must(l.PutBlob(w.t.Context(), c, bytes.NewReader(config)))
	raw, err := json.Marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: c, Layers: []v1.Descriptor{}, Annotations: map[string]string{"name": name}})
	w.must(err)
	d := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	w.must(l.PutBlob(w.t.Context(), d, bytes.NewReader(raw)))
	w.must(l.Add(w.t.Context(), d, raw))
	_, err = w.client.Push(w.t.Context(), dir, d.Digest, w.host+"/"+name+":v1", nil)
	w.must(err)
	return engine.Question{Name: w.host + "/" + name, Digest: d.Digest, Who: engine.Who{Gate: engine.GateStart, Namespace: "shop"}}
}

// sign attaches a signed list of contents.
func (w *world) sign(q engine.Question) {
	w.t.Helper()
	repo, err := w.client.Repository(q.Name)
	w.must(err)
	desc, _, err := repo.Manifest(w.t.Context(), q.Digest)
	w.must(err)
	made, err := provenance.SBOMStatement(q.Name, v1.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}, []byte(`{"spdxVersion":"SPDX-2.3","packages":[]}`))
	w.must(err)
	bundle, err := signing.Sign(w.t.Context(), w.keys[trust.Release], made.Payload)
	w.must(err)
	_, err = repo.Attach(w.t.Context(), desc, artifact.Bundle(signing.BundleMediaType, bundle, made.PredicateType))
	w.must(err)
}

// deny writes the deny list of a number.
func (w *world) deny(sequence int64, images ...digest.Digest) {
	w.t.Helper()
	l := provenance.DenyList{Edition: provenance.NewEdition(sequence, time.Now(), 24*time.Hour)}
	for _, d := range images {
		l.Entries = append(l.Entries, provenance.DenyEntry{Digest: d, Reason: "it leaks", Added: time.Now().UTC().Truncate(time.Second)})
	}
	s, err := provenance.DenyListStatement("denylist", l)
	w.must(err)
	bundle, err := signing.Sign(w.t.Context(), w.keys[trust.Revoker], s.Payload)
	w.must(err)
	place, err := freshness.OpenPlace(w.client, filepath.Join(w.dir, "denylist.json"))
	w.must(err)
	_, err = place.Write(w.t.Context(), bundle)
	w.must(err)
}

// glass writes a break-glass statement for an hour.
func (w *world) glass(q engine.Question) string {
	w.t.Helper()
	made, err := provenance.BreakGlassStatement(q.Name, q.Digest, provenance.BreakGlass{Namespaces: []string{"shop"}, Owner: "ops", Reason: "incident 4711", Issued: time.Now(), Expires: time.Now().Add(time.Hour)})
	w.must(err)
	bundle, err := signing.Sign(w.t.Context(), w.keys[trust.BreakGlass], made.Payload)
	w.must(err)
	return w.write("glass/a.json", string(bundle))
}

// start runs `selfsame-guard agent` and waits until it answers and knows its policy.
func (w *world) start() {
	w.t.Helper()
	w.mu.Lock()
	clear(w.referrers) // attaching asks, too
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan int, 1)
	go func() {
		done <- guardcli.Main(ctx, []string{"agent", "--config", filepath.Join(w.dir, "guard.yaml")}, invocation.Streams{Out: &w.log, Err: &w.log, Env: func(string) string { return "" }})
	}()
	var once sync.Once
	code := -1
	w.stop = func() int { once.Do(func() { cancel(); code = <-done }); return code }
	w.t.Cleanup(func() { w.stop() })
	w.soon("the agent decides", func() bool {
		s, err := w.agent.Status(w.t.Context())
		return err == nil && s.Policy.Name == "prod"
	})
}

func (w *world) soon(what string, is func() bool) {
	w.t.Helper()
	for began := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute { // a machine may have much else to do
			var said, last string
			for line := range strings.Lines(w.log.String()) {
				if last = line; !strings.HasPrefix(line, "{") {
					said += line
				}
			}
			w.t.Fatalf("not within a minute: %s\n%s%s", what, said, last)
		}
	}
}

// asked is how often the registry was asked for what is attached to an image.
func (w *world) asked(d digest.Digest) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.referrers[d.String()]
}

// guard runs another verb.
func (w *world) guard(args ...string) (code int, stdout string) {
	w.t.Helper()
	code, stdout, stderr := run(w.t, append(args, "--config", filepath.Join(w.dir, "guard.yaml"))...)
	if stderr != "" {
		w.t.Errorf("%v: %s", args, stderr)
	}
	return code, stdout
}

package gates

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/kube"
	"github.com/selfsame-build/selfsame/trust"
)

// world is a registry, a cluster and a node, with the guard's programs at their gates.
type world struct {
	t      *testing.T // of the part that runs
	whole  *testing.T
	bin    string
	dir    string
	host   string // the registry's
	client *registry.Client
	keys   map[string]*signing.Signer
	api    *kube.Client
	node   *containerd.Node
	pod    *containerd.Pod
	// The agent and the webhook, and how they are started.
	agent, hook         *service
	startAgent, startUp func()

	mu      sync.Mutex
	fault   func(http.ResponseWriter, *http.Request) bool // answers in the registry's place where it says true
	asked   map[string]int                                // requests of the guard for what is attached to an image
	names   int
	serial  int64 // the deny list's
	version int   // the policy's
	denied  []digest.Digest
}

// newWorld sets everything up as docs/how-to/node-gates.md and docs/how-to/admission.md say, with static manifests.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, whole: t, bin: programs(t), keys: map[string]*signing.Signer{}, asked: map[string]int{}}
	var err error
	w.dir, err = os.MkdirTemp("", "selfsame-gates-") //nolint:usetesting // a socket's path has at most 107 bytes
	w.must(err)
	t.Cleanup(func() { w.must(os.RemoveAll(w.dir)) })
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	w.must(err)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !w.handled(rw, r) {
			h.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { w.broken(nil) })
	w.host = strings.TrimPrefix(s.URL, "http://")
	w.client = registry.New(registry.Options{Attempts: 1})
	w.configure()
	w.cluster()
	w.gates()
	return w
}

// handled counts a request of the guard's, and has the fault of the moment answer.
func (w *world) handled(rw http.ResponseWriter, r *http.Request) bool {
	w.mu.Lock()
	fault := w.fault
	if _, d, ok := strings.Cut(r.URL.Path, "/referrers/"); ok && r.Method == http.MethodGet {
		w.asked[d]++
	}
	w.mu.Unlock()
	return fault != nil && fault(rw, r)
}

// broken sets the registry's fault; nil: it has none.
func (w *world) broken(fault func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
}

// byGuard says whether the guard asks, and not containerd.
func byGuard(r *http.Request) bool { return !strings.HasPrefix(r.UserAgent(), "containerd/") }

// down is a registry that containerd still reaches, so that pulls get as far as their gate.
func down(rw http.ResponseWriter, r *http.Request) bool {
	if byGuard(r) {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
	return byGuard(r)
}

// hangs is one that does not answer the guard until it is let go.
func (w *world) hangs() (seen func() int, release func()) {
	var n int
	let := make(chan struct{})
	w.broken(func(_ http.ResponseWriter, r *http.Request) bool {
		if byGuard(r) {
			w.mu.Lock()
			n++
			w.mu.Unlock()
			select {
			case <-let:
			case <-r.Context().Done():
			}
		}
		return false
	})
	return func() int { w.mu.Lock(); defer w.mu.Unlock(); return n }, sync.OnceFunc(func() { w.broken(nil); close(let) })
}

// configure writes whose word counts, what may run, the deny list, and both configurations.
func (w *world) configure() {
	w.t.Helper()
	signers := ""
	for name, as := range map[string]struct {
		role trust.Role
		more string
	}{"release": {role: trust.Release}, "revoker": {role: trust.Revoker}, "former": {trust.Release, ", until: 2026-01-01T00:00:00Z"}} {
		w.keys[name] = signingtest.NewSigner(w.t, as.role)
		w.write(name+".pub", string(w.keys[name].Verifier().PEM()))
		signers += fmt.Sprintf("  %s: {keys: [%s.pub], roles: [%s]%s}\n", name, name, as.role, as.more)
	}
	w.keys["other"] = signingtest.NewSigner(w.t, trust.Release)
	w.write("trust.yaml", "trust: v1\nsigners:\n"+signers+"denylist: {list: denylist.json}\n")
	w.policy("")
	w.deny(24 * time.Hour)
	const config = "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nrefresh: 1s\nwatch: 1s\nkeep: {refused: 1s}\n"
	w.write("webhook.yaml", config+"state: webhook\n")
	w.write("agent.yaml", config+"state: agent\nsocket: {path: run/guard.sock}\n")
}

// policy writes the next version of what may run: what the release key signed and its maker built twice.
func (w *world) policy(more string) {
	w.t.Helper()
	w.version++
	w.write("policy.yaml", fmt.Sprintf("policy: v1\nname: matrix\nversion: %d\n%srules:\n", w.version, more)+
		`  - {name: signed, match: ["`+w.host+`/**"], require: 'signatures.exists(s, s.signer == "release")', message: nobody that we know signed it, fix: sign it with the release key}`+"\n"+
		`  - {name: reproduced, match: ["`+w.host+`/**"], require: summary.reproduced, message: it was not built twice with one result, fix: build it with selfsame build}`+"\n")
}

// deny writes the next deny list, with all that was ever denied, which counts for life.
func (w *world) deny(life time.Duration, images ...digest.Digest) {
	w.t.Helper()
	w.serial++
	w.denied = append(w.denied, images...)
	l := provenance.DenyList{Edition: provenance.NewEdition(w.serial, time.Now(), life)}
	for _, d := range w.denied {
		l.Entries = append(l.Entries, provenance.DenyEntry{Digest: d, Reason: "it leaks", Added: time.Now().UTC().Truncate(time.Second)})
	}
	s, err := provenance.DenyListStatement("denylist", l)
	w.must(err)
	bundle, err := signing.Sign(w.t.Context(), w.keys["revoker"], s.Payload)
	w.must(err)
	place, err := freshness.OpenPlace(w.client, filepath.Join(w.dir, "denylist.json"))
	w.must(err)
	_, err = place.Write(w.t.Context(), bundle)
	w.must(err)
}

// cluster starts the webhook and an API server that reads the guard's manifests from its own disk.
func (w *world) cluster() {
	w.t.Helper()
	w.ok("selfsame-guard", "certificate", "--out", "tls", "--name", "127.0.0.1")
	at := fixture.Free(w.t, 1)[0]
	w.startUp = func() {
		w.hook = w.serve("webhook", "--config", "webhook.yaml", "--tls-cert", "tls/tls.crt", "--tls-key", "tls/tls.key", "--listen", at, "--health-listen", "", "--drain", "10ms")
	}
	w.startUp()
	static := filepath.Join(w.dir, "static")
	w.ok("selfsame-guard", "manifests", "--config", "webhook.yaml", "--static", static, "--static-dir", static, "--static-url", "https://"+at, "--ca", "tls/ca.crt", "--timeout", "10", "--image", "registry.example.com/guard@sha256:"+strings.Repeat("a", 64))
	w.api = kube.Start(w.t, kube.Options{FeatureGates: []string{"ManifestBasedAdmissionControlConfig"}, Flags: []string{"--admission-control-config-file=" + static + "/admission-configuration.yaml"}}).Client()
}

// patience is how long containerd waits for its verifiers; its own 10 s, and 2 s for plugins, are little where the machine has other work.
// The gates' own deadlines are what they always are.
const patience = 20 * time.Second

// gates sets up the node: a verifier, a plugin that is required, and the agent that answers both.
func (w *world) gates() {
	w.t.Helper()
	program, err := os.ReadFile(filepath.Join(w.bin, "selfsame-pull"))
	w.must(err)
	w.write("lib/selfsame-pull", string(program))
	w.must(os.Chmod(filepath.Join(w.dir, "lib/selfsame-pull"), 0o755)) //nolint:gosec // a program
	w.write("lib/selfsame-pull.json", fmt.Sprintf(`{"socket": %q}`, filepath.Join(w.dir, "run/guard.sock")))
	verifiers := filepath.Join(w.dir, "verifiers")
	w.must(os.Mkdir(verifiers, 0o755)) //nolint:gosec // containerd's
	w.must(os.Symlink(filepath.Join(w.dir, "lib/selfsame-pull"), filepath.Join(verifiers, "10-selfsame")))
	w.node = containerd.Start(w.t, containerd.Options{Verifiers: verifiers, VerifierTimeout: patience, NRI: &containerd.NRI{Required: []string{"selfsame"}, RequestTimeout: patience / 4}})
	w.node.PlainHTTP(w.t, w.host)
	config, err := os.ReadFile(filepath.Join(w.dir, "agent.yaml")) //nolint:gosec // the test's own
	w.must(err)
	w.write("agent.yaml", string(config)+"nri: {socket: "+w.node.NRISocket+"}\n")
	w.startAgent = func() {
		w.agent = w.serve("agent", "--config", "agent.yaml")
		w.soon("the agent is the gate", func() bool { return strings.Contains(w.agent.Err.String(), "the start gate is connected") })
	}
	w.startAgent()
	w.pod, err = w.node.RunPod(w.t.Context(), "matrix-0", nil)
	w.must(err)
}

package kube

import (
	"context"
	"sync"
	"testing"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// Options of one server.
type Options struct {
	// The Static folders are of manifests that hold from the first request on and that nobody can delete through the API (KEP-5793):
	// ValidatingAdmissionPolicies with their bindings, validating and mutating webhook configurations. The server does not start where a
	// folder holds another kind, or a name that does not end in .static.k8s.io.
	StaticPolicies, StaticWebhooks, StaticMutatingWebhooks string
	// FeatureGates are switched on.
	FeatureGates []string
	// Flags are more of kube-apiserver's, as in "--audit-log-path=-"; a flag with a list adds to what is set here.
	Flags []string
}

// Server is a running API server.
type Server struct {
	// URL is the server's address: https, on loopback.
	URL string
	// CA is the PEM certificate that vouches for it.
	CA []byte
	// Token is the bearer token of a member of system:masters.
	Token string
	// Dir is the server's folder, with the logs etcd.log and kube-apiserver.log.
	Dir string

	flags     []string
	etcd, api *process
}

var (
	mu     sync.Mutex
	shared *Server
	failed error
)

// Shared gives the one server of this test binary, and skips the test when its programs are not here. Whoever uses it calls Stop at
// the end of TestMain.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	fixture.Set(tb, "kube-apiserver", "etcd")
	mu.Lock()
	defer mu.Unlock()
	if shared == nil && failed == nil {
		shared, failed = start(Options{})
	}
	if failed != nil {
		tb.Fatalf("starting an API server: %v", failed)
	}
	return shared
}

// Stop ends the shared server, if there is one.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	if shared != nil {
		shared.stop()
		shared = nil
	}
}

// Start runs a server of the test's own until the test ends, and skips the test when the programs are not here.
func Start(tb testing.TB, opts Options) *Server {
	tb.Helper()
	fixture.Set(tb, "kube-apiserver", "etcd")
	s, err := start(opts)
	if err != nil {
		tb.Fatalf("starting an API server: %v", err)
	}
	tb.Cleanup(s.stop)
	return s
}

// Kill ends the API server with SIGKILL; etcd goes on.
func (s *Server) Kill() { s.api.kill() }

// Restart starts the API server again at the same address, on what etcd holds, and waits until it is ready.
func (s *Server) Restart(ctx context.Context) error {
	s.api.kill()
	return s.startAPI(ctx)
}

// Package builder is the use case that the product is named for: build an image twice, from sealed inputs, in two unlike
// builders, and let it out only if both are the same.
//
// Build (build.go) reads as the table of contents: prepare what is sealed (prepare.go), run the twins (twins.go), measure
// how unlike they were (axes.go), compare, and make and sign the evidence (evidence.go). Record (record.go) is the only
// mode with a network: it runs the recipe once behind the recording input server and makes the lock.
package builder

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
)

// Host is what a build needs from the machine and the outside world. The surface makes one; nothing below looks anything
// up by itself.
type Host struct {
	Store   *inputs.Store
	Daemons *daemon.Manager
	// Registry reads base images while recording, and pushes.
	Registry *registry.Client
	// HTTP fetches from package mirrors while recording.
	HTTP http.RoundTripper
	// Mirrors are the machine's own Debian mirrors, asked while recording when the recipe's bases need one.
	Mirrors func(ctx context.Context) (debian.Mirrors, error)
	Now     func() time.Time
	Random  io.Reader
	TempDir string
	// CacheDir remembers what can be made again.
	CacheDir string
	Selfsame provenance.Program
	// Machine is the machine's id (machine-id(5)), which no evidence shows; empty where there is none.
	Machine string
	// SSHAgent is the socket of the user's ssh agent, for repositories that are reached by ssh; empty: none.
	SSHAgent string
	// Private are files that the command line names (keys, tokens): no step may see one, should it lie in a source.
	Private []string
	// Canary finds the program that looks around on another CPU than the machine's, named as in platforms ("arm64").
	Canary func(arch string) (string, error)
	// Memory is the machine's, in bytes; CPUs how many it has.
	Memory int64
	CPUs   int
	// OpenFiles is the hard limit of open files that builders of ours inherit, and RaiseFiles says whether they may raise it.
	OpenFiles  int64
	RaiseFiles bool
	// Rootless says that we are root in a user namespace only, where no filesystem of a block device can be mounted.
	Rootless bool
	// InputsListen is where the input servers listen, for builders on other machines; empty: a free port of loopback.
	InputsListen string
	// Display shows progress; nil shows nothing. Notice tells the user one line about what goes on.
	Display *solver.Display
	Notice  func(format string, args ...any)
	// Warn gets warnings as they are found.
	Warn func(*diag.Diagnostic)
}

func (h *Host) notice(format string, args ...any) {
	if h.Notice != nil {
		h.Notice(format, args...)
	}
}

func (h *Host) warn(d *diag.Diagnostic) {
	if h.Warn != nil {
		h.Warn(d)
	}
}

// lockPath is where a recipe's lock lies.
func lockPath(recipe string) string { return filepath.Join(filepath.Dir(recipe), "selfsame.lock") }

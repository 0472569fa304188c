//go:build !front

package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/userns"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
)

// openStore opens the store of sealed inputs.
func (a *app) openStore() (*inputs.Store, error) {
	dir := a.global.store
	if dir == "" {
		cache, err := a.cacheDir()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(cache, "store")
	}
	return inputs.Open(dir)
}

// manager has the managed builders.
func (a *app) manager() (*daemon.Manager, error) {
	m, err := a.register()
	if err != nil {
		return nil, err
	}
	m.Binaries, err = a.binaries()
	return m, err
}

// register has the managed builders, to look at and to stop; it cannot start any.
func (a *app) register() (*daemon.Manager, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return &daemon.Manager{Dir: filepath.Join(state, "builders")}, nil
}

// binaries finds the programs beside our own, then in PATH.
func (a *app) binaries() (daemon.Binaries, error) {
	self, err := os.Executable()
	if err != nil {
		return daemon.Binaries{}, fmt.Errorf("finding our own program: %w", err)
	}
	b := daemon.Binaries{Self: []string{self, "builder"}}
	for name, to := range map[string]*string{"buildkitd": &b.Buildkitd, "selfsame-vary": &b.Vary, "runc": &b.Runc} {
		if *to, err = find(filepath.Dir(self), name); err != nil {
			return b, err
		}
	}
	return b, nil
}

// reader gathers what it takes to look at a recipe and its lock; it cannot build.
func (a *app) reader() (*builder.Host, func(), error) {
	store, err := a.openStore()
	if err != nil {
		return nil, nil, err
	}
	return &builder.Host{Store: store, Now: time.Now, Notice: a.notice, Warn: a.warn, Private: a.private}, func() { _ = store.Close() }, nil
}

// asRoot goes on only as root: a normal user's process is replaced by the same command in a user namespace. Call it before anything is
// asked or written.
func (a *app) asRoot() error {
	if os.Geteuid() == 0 {
		return nil
	}
	if !a.OwnProcess {
		return diag.Errorf("A0705", "building needs root").WithHelp("run the command with sudo")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding our own program: %w", err)
	}
	return userns.Become(self, a.args, os.Environ())
}

// host gathers what a build needs. The returned function gives everything back.
func (a *app) host(ctx context.Context) (*builder.Host, func(), error) {
	if err := a.asRoot(); err != nil {
		return nil, nil, err
	}
	store, err := a.openStore()
	if err != nil {
		return nil, nil, err
	}
	m, err := a.manager()
	if err != nil {
		return nil, nil, err
	}
	cache, err := a.cacheDir()
	if err != nil {
		return nil, nil, err
	}
	return a.hostAt(ctx, store, m, cache)
}

// hostAt gathers what a build needs around these builders, this store and this cache; it takes the store over.
func (a *app) hostAt(ctx context.Context, store *inputs.Store, m *daemon.Manager, cache string) (*builder.Host, func(), error) {
	temp := filepath.Join(cache, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the temporary folder: %w", err)
	}
	display, err := a.display(ctx)
	if err != nil {
		return nil, nil, err
	}
	transport := transport()
	h := &builder.Host{
		Store: store, Daemons: m, Registry: a.registry(registry.Options{}), HTTP: transport,
		Mirrors: func(ctx context.Context) (debian.Mirrors, error) {
			return debian.SystemMirror(ctx, debian.HTTP{Client: &http.Client{Transport: transport}}, os.DirFS("/"))
		},
		Now: time.Now, Random: rand.Reader, TempDir: temp, CacheDir: cache, Selfsame: selfProgram(cache),
		Canary: func(arch string) (string, error) {
			return find(filepath.Dir(m.Binaries.Self[0]), "selfsame-canary-"+arch)
		},
		Memory: memory(), CPUs: runtime.NumCPU(), Rootless: userns.Inside(), Display: display, Notice: a.notice, Warn: a.warn,
		InputsListen: a.inputsListen, SSHAgent: a.get(envAgent), Machine: machineID(), Private: a.private,
	}
	h.OpenFiles, h.RaiseFiles = openFiles()
	return h, func() { display.Close(); _ = store.Close() }, nil
}

func (a *app) display(ctx context.Context) (*solver.Display, error) {
	mode := a.global.progress
	if a.global.quiet || mode == "quiet" {
		return nil, nil
	}
	if mode == "json" {
		mode = "rawjson"
	}
	if mode == "auto" && !a.isTerminal(a.Err) {
		mode = "plain"
	}
	d, err := solver.NewDisplay(ctx, a.Err, mode)
	if err != nil {
		return nil, usage("`--progress %s`: %v", a.global.progress, err).WithHelp("choose one of auto, tty (which needs a terminal), plain, json and quiet")
	}
	return d, nil
}

// transport reaches package mirrors while recording. A resolver that fails under parallel look-ups is asked again by the
// layers above; what is bounded here is time.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 60 * time.Second
	t.MaxConnsPerHost = 16
	return t
}

// machineID is the machine's, which systemd and dbus keep (machine-id(5)); empty where neither does. It is not to be shown: evidence
// has a hash of it.
func machineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if data, err := os.ReadFile(path); err == nil && len(data) >= 32 && len(data) < 128 { //nolint:gosec // fixed paths
			return strings.TrimSpace(string(data))
		}
	}
	return ""
}

func memory() int64 {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 0
	}
	return int64(si.Totalram) * int64(si.Unit) //nolint:gosec // bytes of memory fit
}

// openFiles is the hard limit of open files, and whether builders may raise it for their steps: root over the machine may, unless who
// started it took that away.
func openFiles() (hard int64, raise bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_RESOURCE, 0, 0, 0)
	return int64(min(l.Max, math.MaxInt32)), err == nil && has == 1 && os.Geteuid() == 0 && !userns.Inside() //nolint:gosec // bounded
}

// selfProgram names this very binary.
func selfProgram(cache string) provenance.Program {
	p := provenance.Program{Version: version()}
	if self, err := os.Executable(); err == nil {
		p.Digest, _ = builder.FileDigest(cache, self)
	}
	return p
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/userns"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	// answerTimeout is how long a busy daemon may take to greet.
	answerTimeout = 5 * time.Second
)

// Manager has the daemons of one state folder.
type Manager struct {
	Dir      string // holds one folder a daemon
	Binaries Binaries
	Idle     time.Duration // 0: DefaultIdle
}

// Lease is a daemon in use. Release lets the daemon go idle.
type Lease struct {
	Name     string
	Address  string // for BuildKit's client
	Identity string // digest of binaries, world and network namespace
	World    World
	Status   string // the tracer's status file; empty without a tracer
	Log      string // the daemon's log
	ports    string // where the supervisor hands out ports; empty where the daemon lives in the machine's network
	carried  string // file that says for which start of the daemon SetCarried was called
	state    state
	lock     *os.File
}

// Carried says whether the certificate of this daemon's proxy was brought to its networked steps since it started (SetCarried). It stays
// there: each build uses the mount that it is in, and a daemon drops what was not used for longest.
func (l *Lease) Carried() bool {
	data, err := os.ReadFile(l.carried)
	return err == nil && string(data) == l.state.life()
}

// SetCarried notes that it was.
func (l *Lease) SetCarried() error { return atomicfile.Write(l.carried, []byte(l.state.life()), 0o600) }

// life tells one start of a daemon from every other.
func (st state) life() string { return fmt.Sprint(st.Daemon, " ", st.DaemonStart) }

// Release ends the lease; the daemon lives on until it has been idle long enough.
func (l *Lease) Release() {
	if l.lock != nil {
		_ = l.lock.Close()
		l.lock = nil
	}
}

// Acquire gives a running daemon that is exactly as spec says, starting it or replacing one that differs.
func (m *Manager) Acquire(ctx context.Context, spec Spec) (*Lease, error) {
	r, err := m.plan(spec)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the builder's folder: %w", err)
	}
	start, err := lock(ctx, r.path("start"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer start.Close()
	lease, err := lock(ctx, r.path("lease"), spec.sharing())
	if err != nil {
		return nil, err
	}
	st, running := m.state(r.Dir)
	if running {
		if end := r.unfit(ctx, st); end != nil {
			_ = lease.Close()
			if lease, err = replaceRunning(ctx, r, st, end); err != nil {
				return nil, err
			}
			running = false
		}
	}
	if !running {
		if err := m.start(ctx, r); err != nil {
			_ = lease.Close()
			return nil, err
		}
	}
	if st, running = m.state(r.Dir); !running {
		_ = lease.Close()
		return nil, startFailed(r, errors.New("it ended at once"))
	}
	return &Lease{
		Name: spec.Name, Address: "unix://" + r.Socket, Identity: r.Identity, World: spec.World,
		Status: r.status(), Log: r.path("log"), ports: r.ports(), carried: r.path("carried"), state: st, lock: lease,
	}, nil
}

// sharing is the kind of lock that a lease is.
func (s Spec) sharing() int {
	if s.Alone {
		return syscall.LOCK_EX
	}
	return syscall.LOCK_SH
}

// unfit gives the way to end a running daemon that is not the wanted one, or that is out of order and would not hear that it is
// asked to end; nil: it can be used.
func (r run) unfit(ctx context.Context, st state) func(context.Context, state) error {
	switch {
	case r.Spec.Fresh, st.Identity != r.Identity, exists(r.path(renewMark)):
		return stop
	case !st.healthy(ctx, r.status()):
		return kill
	}
	return nil
}

// replaceRunning ends a daemon once nobody uses it any more, and gives a lease on its place.
func replaceRunning(ctx context.Context, r run, st state, end func(context.Context, state) error) (*os.File, error) {
	alone, err := lock(ctx, r.path("lease"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	if err := end(ctx, st); err != nil {
		return nil, errors.Join(err, alone.Close())
	}
	if err := syscall.Flock(int(alone.Fd()), r.Spec.sharing()); err != nil {
		return nil, errors.Join(fmt.Errorf("sharing the lease: %w", err), alone.Close())
	}
	return alone, nil
}

// renewMark is a file in a daemon's folder that asks for a new start.
const renewMark = "renew"

// Renew lets every daemon be started anew before its next use, once nobody uses it any more. What a daemon was in the middle of
// fetching is dropped then: BuildKit cannot go on with a half fetched layer of ours ("unsupported offset"), and tries for ever.
func (m *Manager) Renew(ctx context.Context) error {
	list, err := m.List(ctx)
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := os.WriteFile(filepath.Join(e.Dir, renewMark), nil, 0o600); err != nil {
			return fmt.Errorf("asking for a new start of builder `%s`: %w", e.Name, err)
		}
	}
	return nil
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// plan fixes everything about the daemon, and so its identity.
func (m *Manager) plan(spec Spec) (run, error) {
	idle := m.Idle
	if idle == 0 {
		idle = DefaultIdle
	}
	dir := filepath.Join(m.Dir, spec.Name)
	r := run{Spec: spec, Binaries: m.Binaries, Dir: dir, Idle: idle, Socket: filepath.Join(dir, "sock"), Rootless: userns.Inside()}
	if len(r.Socket) > 100 { // sun_path holds 108 bytes
		r.Socket = filepath.Join(os.TempDir(), "selfsame-"+digest.FromString(dir).Encoded()[:16]+".sock")
	}
	id, err := identity(r)
	r.Identity = id
	return r, err
}

func (m *Manager) start(ctx context.Context, r run) error {
	if err := r.emptyRoot(); err != nil {
		return err
	}
	if err := writeJSON(r.path("run.json"), r); err != nil {
		return err
	}
	_, _, _ = os.Remove(r.Socket), os.Remove(r.path(renewMark)), os.Remove(r.path("status.json"))
	logf, err := os.OpenFile(r.path("log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the builder's log: %w", err)
	}
	defer logf.Close()
	args := append(append([]string{}, m.Binaries.Self[1:]...), "supervise", r.Dir)
	cmd := exec.Command(m.Binaries.Self[0], args...) //nolint:gosec,noctx // our own binary; it must outlive ctx
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = logf, logf, "/", environment(r)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// What a shell left open in us (a lock of flock(1), a pipe) must not stay open for as long as the builder lives.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("keeping open files from the builder: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the builder's supervisor: %w", err)
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	return awaitSocket(ctx, r, died)
}

// emptyRoot removes what other programs, or the same ones in another world, left in the daemon's root. A step found in its cache counts
// as one that was run here and now, so it must have been made by the very builder that the evidence describes (DESIGN §11 "Cache").
func (r run) emptyRoot() error {
	made, err := origin(r)
	if err != nil {
		return err
	}
	const mark = "root.made"
	before, err := os.ReadFile(r.path(mark))
	if err == nil && string(before) == made && !r.Spec.Fresh {
		return nil
	}
	for _, name := range []string{mark, "root", "root.xfs", "root.ext4", "root.btrfs"} { // the mark first: an emptying that is broken off is done again
		if err := os.RemoveAll(r.path(name)); err != nil {
			return fmt.Errorf("emptying the builder's root: %w", err)
		}
	}
	return atomicfile.Write(r.path(mark), []byte(made), 0o600)
}

func awaitSocket(ctx context.Context, r run, died <-chan error) error {
	deadline := time.After(startTimeout)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-died:
			return startFailed(r, fmt.Errorf("it ended at once (%v)", err))
		case <-deadline:
			return startFailed(r, fmt.Errorf("it did not answer within %s", startTimeout))
		case <-time.After(20 * time.Millisecond):
			if answers(r.Socket) {
				return nil
			}
		}
	}
}

func startFailed(r run, err error) error {
	why := lastLines(r.path("log"), 3)
	help := "run `selfsame doctor`; the whole log is " + r.path("log")
	if off := userns.Switch(); r.Rootless && off != "" { // a namespace that may be made, but not used
		help = off + "; the whole log is " + r.path("log")
	}
	return diag.Errorf("A0701", "starting builder `%s`: %w", r.Spec.Name, err).WithWhy(why).WithHelp(help)
}

// answers says whether a gRPC server lives behind a unix socket: one that accepts connections may still be stopped, since the
// kernel accepts for it. HTTP/2 (RFC 9113 §3.4) has both sides send their settings first.
func answers(socket string) bool {
	c, err := net.DialTimeout("unix", socket, time.Second) //nolint:noctx // bounded by its own time-out
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := c.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return false
	}
	const settings = 4
	var head [9]byte
	_, err = io.ReadFull(c, head[:])
	return err == nil && head[3] == settings
}

// lock takes a file lock, waiting as long as ctx lives.
func lock(ctx context.Context, path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

package rebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/internal/flock"
)

// Sandbox is the place of one audit: its builders, its store and its caches. Nothing in it is older than the audit, unless bases are kept
// (Options.Bases): those are copied in and their bytes checked. And nothing of it is left
// when the audit has ended; so no audit can spoil what a build, or another audit, finds there, and a seal that is gone is found to be gone.
type Sandbox struct {
	// Host builds there. Whoever makes the sandbox sets it, with Store, Daemons and CacheDir below Dir.
	Host *builder.Host
	// Dir is the sandbox's folder; Images a folder in it for what is built.
	Dir, Images string
	// Done gives back what Host has open.
	Done func()

	daemons *daemon.Manager
	own     *os.File
}

const sandboxPrefix = "audit-"

// orphaned is how long a builder lives whose audit was killed.
const orphaned = 30 * time.Second

// Folders of a sandbox.
const (
	Builders = "builders"
	Store    = "store"
	Cache    = "cache"
)

// NewSandbox makes a sandbox below parent, and removes those that killed audits have left there. The folder is owned (flock.Take) for as
// long as it is needed.
func NewSandbox(ctx context.Context, parent string, binaries daemon.Binaries) (*Sandbox, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making the audits' folder: %w", err)
	}
	sweep(ctx, parent)
	for {
		dir, err := os.MkdirTemp(parent, sandboxPrefix)
		if err != nil {
			return nil, fmt.Errorf("making an audit's folder: %w", err)
		}
		own, err := os.Open(dir) //nolint:gosec // the name is ours
		gone := errors.Is(err, os.ErrNotExist)
		if err == nil {
			gone, err = flock.Take(own)
		}
		switch {
		case gone:
			_ = own.Close()
			continue
		case err != nil:
			return nil, errors.Join(fmt.Errorf("locking an audit's folder: %w", err), own.Close(), os.RemoveAll(dir))
		}
		b := &Sandbox{
			Dir: dir, Images: filepath.Join(dir, "images"), own: own, Done: func() {},
			daemons: &daemon.Manager{Dir: filepath.Join(dir, Builders), Binaries: binaries, Idle: orphaned},
		}
		if err := os.Mkdir(b.Images, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("making an audit's folder: %w", err), b.Close(ctx))
		}
		return b, nil
	}
}

// Daemons starts builders in the sandbox.
func (b *Sandbox) Daemons() *daemon.Manager { return b.daemons }

// sweep removes sandboxes that nobody owns: first their builders, which have outlived whoever was killed, then their folders.
func sweep(ctx context.Context, parent string) {
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), sandboxPrefix) {
			continue
		}
		f, err := os.Open(dir) //nolint:gosec // below our own state folder
		if err != nil {
			continue
		}
		if flock.Lock(f, unix.LOCK_EX|unix.LOCK_NB) == nil && endAll(ctx, &daemon.Manager{Dir: filepath.Join(dir, Builders)}) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = f.Close()
	}
}

// EndBuilders ends every builder of the sandbox and removes what it cached.
func (b *Sandbox) EndBuilders(ctx context.Context) error { return endAll(ctx, b.daemons) }

func endAll(ctx context.Context, m *daemon.Manager) error {
	ctx = context.WithoutCancel(ctx)
	list, err := m.List(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		errs = append(errs, m.Stop(ctx, e.Name, true))
	}
	return errors.Join(errs...)
}

// Close ends what is left and removes the sandbox, also when ctx has ended.
func (b *Sandbox) Close(ctx context.Context) error {
	err := b.EndBuilders(ctx)
	b.Done()
	if err == nil { // with a builder in it the folder is left to the next audit's sweep
		err = os.RemoveAll(b.Dir)
	}
	_ = b.own.Close()
	return err
}

// replaceFolder moves a folder to another place, over what is there; it copies where the two are not on one filesystem.
func replaceFolder(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // the user's output folder
		return err
	}
	if os.Rename(from, to) == nil {
		return nil
	}
	return os.CopyFS(to, os.DirFS(from))
}

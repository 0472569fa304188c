package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// git runs git in one folder, without the configuration of user or machine and without running anything that the
// repository names (hooks, the filesystem monitor).
type git struct {
	path string
	dir  string
	env  []string
}

// submodule is the mode of a gitlink.
const submodule = "160000"

// settings are given on the command line, where a repository cannot override them.
var settings = []string{
	"safe.directory=*", // a container's user rarely owns the checkout; nothing of it is run
	"core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false", "submodule.recurse=false",
	"core.autocrlf=false", "core.symlinks=true", "core.quotePath=false", "credential.helper=", "gc.auto=0", "maintenance.auto=false",
	"http.followRedirects=false", // the address that was allowed is the only one
	"advice.detachedHead=false", "init.defaultBranch=main", "log.showSignature=false",
}

// newGit finds the binary. path may be empty.
func newGit(path, dir string, env []string) (*git, error) {
	if path == "" {
		path = "git"
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, diag.Errorf(diag.GitMissing, "git is needed: %w", err).WithHelp("apt-get install git")
	}
	return &git{path: found, dir: dir, env: env}, nil
}

// command prepares one run.
func (g *git) command(ctx context.Context, args ...string) *exec.Cmd {
	var all []string
	for _, s := range settings {
		all = append(all, "-c", s)
	}
	cmd := exec.CommandContext(ctx, g.path, append(all, args...)...)
	cmd.Dir = g.dir
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(g.path) + ":/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_OPTIONAL_LOCKS=0", "GIT_DISCOVERY_ACROSS_FILESYSTEM=1", "GIT_ALLOW_PROTOCOL=https:http:ssh:git",
		"GIT_SSH_COMMAND=ssh -oBatchMode=yes", "GIT_LFS_SKIP_SMUDGE=1",
	}, g.env...)
	return cmd
}

// gitError is git's own words.
type gitError struct {
	verb string
	text string
	err  error
}

func (e *gitError) Error() string {
	if e.text == "" {
		return "git " + e.verb + ": " + e.err.Error()
	}
	return "git " + e.verb + ": " + e.text
}

func (e *gitError) Unwrap() error { return e.err }

// maxOutput bounds what is kept of git's output, in bytes.
const maxOutput = 64 << 10

// stream runs git and gives its output to read.
func (g *git) stream(ctx context.Context, read func(io.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := g.command(ctx, args...)
	stderr := &prefix{max: maxOutput}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return &gitError{verb: args[0], err: err}
	}
	rerr := read(out)
	if rerr != nil {
		cancel()
	}
	_, _ = io.Copy(io.Discard, out)
	err = cmd.Wait()
	if rerr != nil {
		return rerr
	}
	if err != nil {
		return &gitError{args[0], strings.TrimSpace(string(stderr.data)), err}
	}
	return nil
}

// text runs git and gives its trimmed output.
func (g *git) text(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := g.stream(ctx, func(r io.Reader) error {
		_, err := io.Copy(&out, io.LimitReader(r, maxOutput))
		return err
	}, args...)
	return strings.TrimSpace(out.String()), err
}

// records runs git and gives each NUL-terminated record of its output to fn.
func (g *git) records(ctx context.Context, fn func(string) error, args ...string) error {
	return g.stream(ctx, func(r io.Reader) error {
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, 1<<20)
		sc.Split(func(data []byte, atEOF bool) (int, []byte, error) {
			if i := bytes.IndexByte(data, 0); i >= 0 {
				return i + 1, data[:i], nil
			}
			if atEOF && len(data) > 0 {
				return 0, nil, io.ErrUnexpectedEOF
			}
			return 0, nil, nil
		})
		for sc.Scan() {
			if err := fn(sc.Text()); err != nil {
				return err
			}
		}
		return sc.Err()
	}, args...)
}

// workTree is git for o.Dir, or nil if all files are to be taken. A folder below a .git needs git: taking all files there
// because git happens to be missing would quietly make another image.
func workTree(ctx context.Context, o Options) (*git, error) {
	if o.Git == GitNever {
		return nil, nil
	}
	inside, err := hasRepository(o.Dir)
	if err != nil {
		return nil, unreadable(err)
	}
	if !inside {
		if o.Git == GitAlways {
			return nil, diag.Errorf(diag.SourceUnreadable, "`%s` is in no git work tree", o.Dir).WithHelp("run `git init`")
		}
		return nil, nil
	}
	g, err := newGit(o.GitPath, o.Dir, nil)
	if err != nil {
		return nil, err
	}
	if answer, err := g.text(ctx, "rev-parse", "--is-inside-work-tree"); err != nil || answer != "true" {
		return nil, diag.Errorf(diag.SourceUnreadable, "`%s` lies below a .git but in no work tree: %w", o.Dir, errors.Join(err))
	}
	return g, nil
}

// hasRepository looks for a .git in dir and above it.
func hasRepository(dir string) (bool, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return false, err
	}
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false, nil
		}
		dir = up
	}
}

// index gives every tracked path below the folder with its mode, submodules' files among them.
func (g *git) index(ctx context.Context, fn func(mode, path string) error) error {
	err := g.records(ctx, func(rec string) error {
		meta, path, ok := strings.Cut(rec, "\t") // "mode object stage<TAB>path"
		mode, _, ok2 := strings.Cut(meta, " ")
		if !ok || !ok2 {
			return fmt.Errorf("git ls-files wrote %q", rec)
		}
		return fn(mode, path)
	}, "ls-files", "-z", "--stage", "--recurse-submodules")
	return asUnreadable(err)
}

// asUnreadable makes a diagnostic of git's own errors.
func asUnreadable(err error) error {
	var own *gitError
	if errors.As(err, &own) {
		return unreadable(err)
	}
	return err
}

// state finds the commit, and what differs from it or is untracked among the paths of the context.
func (g *git) state(ctx context.Context, sel *selector, c *Context) error {
	commit, err := g.text(ctx, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	if err != nil {
		commit, c.Dirty = "", true // no commit yet
	}
	c.Commit = commit
	prefix, err := g.text(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return unreadable(err)
	}
	moved := false
	err = g.records(ctx, func(rec string) error {
		if moved || len(rec) < 4 { // the second record of a rename is the old name
			moved = false
			return nil
		}
		moved = rec[0] == 'R' || rec[0] == 'C'
		p := strings.TrimSuffix(strings.TrimPrefix(rec[3:], prefix), "/") // names are relative to the work tree's root
		keep, err := sel.keep(p)
		if err != nil || !keep {
			return err
		}
		if rec[:2] == "??" {
			note(&c.Untracked, p)
		} else {
			c.Dirty = true
		}
		return nil
	}, "status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=untracked", "--", ".")
	return asUnreadable(err)
}

// Epoch is the committer time of HEAD for the work tree that dir lies in. Without a work tree or a commit it is a
// diagnostic that asks for a number, without git one that asks for git. gitPath is as in Options.
func Epoch(ctx context.Context, gitPath, dir string) (time.Time, error) {
	g, err := workTree(ctx, Options{Dir: dir, GitPath: gitPath})
	if err != nil {
		return time.Time{}, err
	}
	noCommit := diag.Errorf(diag.EpochUnknown, "`epoch: source` needs a commit, and `%s` has none", dir).
		WithWhy("the image's time must be the same for everybody who builds it").
		WithHelp("commit the source, or write a number of seconds, such as `epoch: 1735689600`")
	if g == nil {
		return time.Time{}, noCommit
	}
	return g.epoch(ctx, noCommit)
}

// epoch reads HEAD's committer time; none is the error without one.
func (g *git) epoch(ctx context.Context, none error) (time.Time, error) {
	text, err := g.text(ctx, "show", "--no-patch", "--format=%ct", "HEAD")
	if err != nil {
		return time.Time{}, none
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the commit's time %q: %w", text, err)
	}
	return time.Unix(n, 0).UTC(), nil
}

package invocation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Recover is deferred by a main: a panic is a bug of ours, and never a success.
func Recover(name string, stderr io.Writer, code *int) {
	if r := recover(); r != nil {
		fmt.Fprintf(stderr, "%s: internal error: %v\n%s\nthis is a bug; please report it with the command that led here\n", name, r, debug.Stack())
		*code = diag.ExitInternal
	}
}

// signalled is the cause of a context that a signal ended.
type signalled struct{ sig os.Signal }

func (s signalled) Error() string {
	if s.sig == syscall.SIGTERM {
		return "interrupted by SIGTERM"
	}
	return "interrupted by SIGINT"
}
func (s signalled) Is(target error) bool { return target == context.Canceled }

// CancelOnSignal gives a context that the first SIGINT or SIGTERM cancels, so that the command can clean up; a second one ends the process
// at once.
func CancelOnSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		sig, ok := <-ch
		if !ok {
			return
		}
		cancel(signalled{sig})
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	}()
	return ctx, func() { signal.Stop(ch); cancel(nil) }
}

// Shown is an error that was shown already and only carries an exit code.
type Shown struct{ Code int }

func (e Shown) Error() string { return fmt.Sprintf("exit %d", e.Code) }

// Finish shows an error, once, and picks the exit code.
func (i Invocation) Finish(ctx context.Context, err error) int {
	if err == nil {
		return diag.ExitProven
	}
	var sig signalled
	if cause := context.Cause(ctx); errors.As(cause, &sig) {
		fmt.Fprintf(i.Err, "%s: %v, and cleaned up\n", i.Name, sig)
		if sig.sig == syscall.SIGTERM {
			return diag.ExitTerminated
		}
		return diag.ExitInterrupted
	}
	var shown Shown
	if errors.As(err, &shown) {
		return shown.Code
	}
	if list := diag.All(err); len(list) > 0 {
		i.Render(list)
		return diag.ExitCode(err)
	}
	fmt.Fprintf(i.Err, "error: %v\n", err)
	return diag.ExitCode(err)
}

// Filesystem makes a diagnostic of what the machine's filesystems refused, unless somebody did that already. space and write say what to do
// about no space, and about what may not be written.
func Filesystem(err error, space, write string) error {
	switch {
	case len(diag.All(err)) > 0:
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return diag.Errorf(diag.NoSpace, "%w", err).WithHelp(space)
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return diag.Errorf("A0705", "%w", err).WithHelp(write)
	case slices.ContainsFunc(notAsNamed, func(e error) bool { return errors.Is(err, e) }) && namesPath(err):
		return diag.Errorf("A0708", "%w", err).WithHelp("check the path; folders are not made on the way")
	}
	return err
}

// notAsNamed is what a filesystem says of a path that is not what whoever wrote it took it for.
var notAsNamed = []error{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ELOOP, syscall.ENAMETOOLONG}

// namesPath says whether err is about a path; a program that is missing has a code of its own (A0704).
func namesPath(err error) bool {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Op != "fork/exec"
	}
	var link *os.LinkError
	return errors.As(err, &link)
}

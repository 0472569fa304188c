// Package cli is the command line of selfsame: one verb, one file, one options struct. A verb reads its flags, calls one
// use case, and renders what comes back; it decides nothing about builds or evidence.
//
// The rules for output: stdout is the result and nothing else, all else goes to stderr; a terminal changes decoration and
// never facts; exit 0 only when what was asked for is positively proven (internal/diag/exit.go).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/containerd/log"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Name is the program's name, here and nowhere else.
const Name = "selfsame"

// Streams is all that a command gets from its process.
type Streams struct {
	In       *os.File
	Out, Err io.Writer
	Env      func(string) string
	// OwnProcess says that the command is all that the process is for, so that it may be replaced by another.
	OwnProcess bool
}

// System is the real process.
func System() Streams {
	return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, OwnProcess: true}
}

// app is one invocation.
type app struct {
	Streams
	global globals
	args   []string // the command line
	// inputsListen is build's --inputs-listen.
	inputsListen string
	// report is build's --report.
	report string
	// private are the files of keys and tokens that the command line names.
	private []string
	// keylessRoot is build's --trusted-root when it signs without a key.
	keylessRoot string
}

// globals are the flags that every command has.
type globals struct {
	json     bool
	quiet    bool
	noColor  bool
	progress string
	state    string
	store    string
}

// Main runs one command and gives its exit code. The first SIGINT or SIGTERM cancels the command, which then cleans up; a
// second one ends the process at once.
func Main(parent context.Context, args []string, s Streams) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(s.Err, "%s: internal error: %v\n%s\nthis is a bug; please report it with the command that led here\n", Name, r, debug.Stack())
			code = diag.ExitInternal
		}
	}()
	a := &app{Streams: s, args: args}
	if handsOver(args) {
		return a.finish(parent, a.become())
	}
	debug.SetMemoryLimit(softMemory)
	_ = log.SetLevel("fatal")    // libraries of containerd's chat on stderr otherwise, of failures too that we explain
	stdlog.SetOutput(io.Discard) // and so does net/http, of connections that we ended
	ctx, stop := cancelOnSignal(parent)
	defer stop()
	root := a.root()
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, errWhole) {
		err = a.become()
	}
	return a.finish(ctx, err)
}

// softMemory is how much memory is used before the collector works harder, in bytes. What is handled at a time does not grow with the
// image, so more would only be garbage.
const softMemory = 80 << 20

// signalled is the cause of a context that a signal ended.
type signalled struct{ sig os.Signal }

func (s signalled) Error() string        { return "interrupted (" + s.sig.String() + ")" }
func (s signalled) Is(target error) bool { return target == context.Canceled }

func cancelOnSignal(parent context.Context) (context.Context, func()) {
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

// finish shows an error, once, and picks the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if err == nil {
		return diag.ExitProven
	}
	var sig signalled
	if cause := context.Cause(ctx); errors.As(cause, &sig) {
		fmt.Fprintf(a.Err, "%s: %v\n", Name, sig)
		if sig.sig == syscall.SIGTERM {
			return diag.ExitTerminated
		}
		return diag.ExitInterrupted
	}
	var shown shownError
	if errors.As(err, &shown) {
		return shown.code
	}
	a.stepLog(err)
	err = filesystem(err)
	if list := diag.All(err); len(list) > 0 {
		a.render(list)
		return diag.ExitCode(err)
	}
	fmt.Fprintf(a.Err, "error: %v\n", err)
	return diag.ExitCode(err)
}

// filesystem makes a diagnostic of what the machine's filesystems refused, unless somebody did that already.
func filesystem(err error) error {
	switch {
	case len(diag.All(err)) > 0:
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return diag.Errorf(diag.NoSpace, "%w", err).WithHelp("run `" + Name + " store gc` or `" + Name + " builders stop --remove`, or free space")
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return diag.Errorf("A0705", "%w", err).WithHelp("give a folder that may be written: --out, --report, --store and --state")
	}
	return err
}

// shownError has been shown already and only carries an exit code.
type shownError struct{ code int }

func (e shownError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func (a *app) render(list diag.List) {
	_ = diag.Render(a.Err, list, diag.RenderOptions{Color: a.color(), Width: 100})
}

func (a *app) warn(d *diag.Diagnostic) {
	if !a.global.quiet {
		a.render(diag.List{d})
	}
}

// notice tells one line about what goes on.
func (a *app) notice(format string, args ...any) {
	if !a.global.quiet {
		fmt.Fprintf(a.Err, "%s: %s\n", Name, fmt.Sprintf(format, args...))
	}
}

func (a *app) color() bool {
	if a.global.noColor || a.get(envNoColor) != "" || a.get(envTerm) == "dumb" {
		return false
	}
	if a.get(envForce) != "" {
		return true
	}
	return a.isTerminal(a.Err)
}

func (a *app) isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// usage makes wrong flags and arguments diagnostics too.
func usage(format string, args ...any) error {
	return diag.Errorf("A0316", format, args...).WithHelp("run the command with --help")
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   Name,
		Short: "Build an image twice from sealed inputs; publish it only if both are the same",
		Long: `selfsame builds a container image twice, from sealed inputs, in two unlike places, and publishes it only if both builds are
the same bit for bit. It signs where the image came from, and verifies that evidence wherever the image goes.

Start with "selfsame init", then "selfsame lock", then "selfsame build".`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return diag.Errorf("A0316", "`%s`: %w", cmd.CommandPath(), err).WithHelp("run `" + cmd.CommandPath() + " --help`")
	})
	f := root.PersistentFlags()
	f.BoolVar(&a.global.json, "json", false, "print the result as JSON")
	f.BoolVarP(&a.global.quiet, "quiet", "q", false, "say nothing but the result and errors")
	f.BoolVar(&a.global.noColor, "no-color", false, "use no colour")
	f.StringVar(&a.global.progress, "progress", "auto", "how to show progress: auto, tty, plain, json or quiet")
	f.StringVar(&a.global.state, "state", "", "folder for builders (default: $XDG_STATE_HOME/selfsame)")
	f.StringVar(&a.global.store, "store", "", "folder for sealed inputs (default: $XDG_CACHE_HOME/selfsame/store)")
	root.AddGroup(&cobra.Group{ID: "author", Title: "Author:"}, &cobra.Group{ID: "build", Title: "Build:"},
		&cobra.Group{ID: "trust", Title: "Trust:"}, &cobra.Group{ID: "nouns", Title: "More:"})
	for _, c := range a.commands() {
		nameArgs(c)
		root.AddCommand(c)
	}
	root.SetHelpCommandGroupID("nouns")
	root.SetCompletionCommandGroupID("nouns")
	return root
}

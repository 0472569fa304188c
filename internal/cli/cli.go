// Package cli is the command line of selfsame: one verb, one file, one options struct. A verb reads its flags, calls one
// use case, and renders what comes back; it decides nothing about builds or evidence.
//
// The rules for output: stdout is the result and nothing else, all else goes to stderr; a terminal changes decoration and
// never facts; exit 0 only when what was asked for is positively proven (internal/diag/exit.go).
package cli

import (
	"context"
	"io"
	stdlog "log"
	"runtime/debug"

	"github.com/containerd/log"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/invocation"
	"github.com/selfsame-build/selfsame/registry"
)

// Name is the program's name, here and nowhere else.
const Name = "selfsame"

// Streams is all that a command gets from its process.
type Streams = invocation.Streams

// System is the real process.
func System() Streams { return invocation.System() }

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
	defer invocation.Recover(Name, s.Err, &code)
	a := &app{Streams: s, args: args}
	if handsOver(args) {
		return a.finish(parent, a.become())
	}
	debug.SetMemoryLimit(softMemory)
	_ = log.SetLevel("fatal")    // libraries of containerd's chat on stderr otherwise, of failures too that we explain
	stdlog.SetOutput(io.Discard) // and so does net/http, of connections that we ended
	ctx, stop := invocation.CancelOnSignal(parent)
	defer stop()
	root := a.root()
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	refused := invocation.Help(root, a.invocation().Width())
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = refused()
	}
	if needsWhole(err) {
		err = a.become()
	}
	return a.finish(ctx, err)
}

// softMemory is how much memory is used before the collector works harder, in bytes. What is handled at a time does not grow with the
// image, so more would only be garbage.
const softMemory = 80 << 20

// finish shows an error, once, and picks the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if err != nil && context.Cause(ctx) == nil {
		a.stepLog(err)
	}
	return a.invocation().Finish(ctx, filesystem(err))
}

func (a *app) invocation() invocation.Invocation {
	return invocation.Invocation{Name: Name, Streams: a.Streams, Quiet: a.global.quiet, NoColor: a.global.noColor}
}

// filesystem makes a diagnostic of what the machine's filesystems refused, unless somebody did that already.
func filesystem(err error) error {
	return invocation.Filesystem(err, "run `"+Name+" store gc` or `"+Name+" builders stop --remove`, or free space",
		"give a folder that may be written: --out, --report, --store and --state")
}

// shownError has been shown already and only carries an exit code.
func shownError(code int) error { return invocation.Shown{Code: code} }

// registry is a client of registries that says which one it waits for.
func (a *app) registry(o registry.Options) *registry.Client {
	o.Waiting = func(host string) { a.notice("waiting for %s, which has not answered yet", diag.Printable(host)) }
	return registry.New(o)
}

func (a *app) render(list diag.List)             { a.invocation().Render(list) }
func (a *app) warn(d *diag.Diagnostic)           { a.invocation().Warn(d) }
func (a *app) notice(format string, args ...any) { a.invocation().Notice(format, args...) }
func (a *app) isTerminal(w io.Writer) bool       { return invocation.IsTerminal(w) }
func usage(format string, args ...any) *diag.Diagnostic {
	return invocation.Usage(format, args...)
}

// Reference lists every command that is for people, parents first, and the flags that all of them have.
func Reference() (commands []Command, common []invocation.Flag) {
	a := &app{Streams: Streams{Env: func(string) string { return "" }}}
	return invocation.Reference(a.root())
}

// Command describes a command for the reference page.
type Command = invocation.Command

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
		RunE:              invocation.HelpOrUnknown,
	}
	root.SetFlagErrorFunc(invocation.FlagError)
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
		invocation.NameArgs(c)
		root.AddCommand(c)
	}
	root.SetHelpCommandGroupID("nouns")
	root.SetCompletionCommandGroupID("nouns")
	return root
}

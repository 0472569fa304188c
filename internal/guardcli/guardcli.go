// Package guardcli is the command line of selfsame-guard: one verb, one file, one options struct, as in internal/cli. What both do alike is
// in internal/invocation.
package guardcli

import (
	"context"
	"io"
	stdlog "log"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/nri"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/invocation"
)

// Name is the program's name, here and nowhere else.
const Name = "selfsame-guard"

// DefaultConfig is where the configuration is looked for.
const DefaultConfig = "/etc/selfsame/guard.yaml"

// app is one invocation.
type app struct {
	invocation.Streams
	global globals
	clock  engine.Clock // nil: time.Now; a test's
}

// globals are the flags that every command has.
type globals struct {
	json    bool
	quiet   bool
	noColor bool
	config  string
}

// Main runs one command and gives its exit code. The first SIGINT or SIGTERM cancels the command, which then cleans up; a
// second one ends the process at once.
func Main(parent context.Context, args []string, s invocation.Streams) (code int) {
	defer invocation.Recover(Name, s.Err, &code)
	debug.SetMemoryLimit(softMemory)
	stdlog.SetOutput(io.Discard) // net/http tells of connections there that others broke
	ctx, stop := invocation.CancelOnSignal(parent)
	defer stop()
	a := &app{Streams: s}
	if len(args) == 0 && s.Env(nri.SocketVariable) != "" {
		args = []string{"agent"} // containerd starts plugins without arguments
	}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	refused := invocation.Help(root, a.invocation().Width())
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = refused()
	}
	return a.invocation().Finish(ctx, filesystem(err))
}

// softMemory is how much memory is used before the collector works harder, in bytes: less than the 100 MB that a node gives (issue 6).
const softMemory = 80 << 20

func (a *app) invocation() invocation.Invocation {
	return invocation.Invocation{Name: Name, Streams: a.Streams, Quiet: a.global.quiet, NoColor: a.global.noColor}
}

func filesystem(err error) error {
	return invocation.Filesystem(err, "free space", "give a path that may be written: `state:` and `socket:` in the configuration")
}

func (a *app) warn(d *diag.Diagnostic)           { a.invocation().Warn(d) }
func (a *app) notice(format string, args ...any) { a.invocation().Notice(format, args...) }
func usage(format string, args ...any) *diag.Diagnostic {
	return invocation.Usage(format, args...)
}

// shown has been shown already and only carries an exit code.
func shown(code int) error { return invocation.Shown{Code: code} }

// configuration reads the file of --config.
func (a *app) configuration() (config.Config, error) { return config.Load(a.global.config) }

// Reference lists every command that is for people, parents first, and the flags that all of them have.
func Reference() (commands []invocation.Command, common []invocation.Flag) {
	a := &app{Streams: invocation.Streams{Env: func(string) string { return "" }}}
	return invocation.Reference(a.root())
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   Name,
		Short: "See to it that no container starts without a verdict",
		Long: `selfsame-guard decides at Kubernetes admission, image pull and container start whether an image may run, by one policy over the evidence
about it, and keeps watching what runs. It reads one configuration file (--config).`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: invocation.HelpOrUnknown,
	}
	root.SetFlagErrorFunc(invocation.FlagError)
	f := root.PersistentFlags()
	f.BoolVar(&a.global.json, "json", false, "print the result as JSON")
	f.BoolVarP(&a.global.quiet, "quiet", "q", false, "say nothing but the result and errors")
	f.BoolVar(&a.global.noColor, "no-color", false, "use no colour")
	f.StringVar(&a.global.config, "config", DefaultConfig, "the guard's configuration file")
	root.AddGroup(&cobra.Group{ID: "serve", Title: "Serve:"}, &cobra.Group{ID: "look", Title: "Look:"}, &cobra.Group{ID: "nouns", Title: "More:"})
	for _, c := range a.commands() {
		invocation.NameArgs(c)
		root.AddCommand(c)
	}
	root.SetHelpCommandGroupID("nouns")
	root.SetCompletionCommandGroupID("nouns")
	return root
}

// commands lists the verbs: what serves, what looks, then the nouns. A verb is one line here and one file.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.agentCommand(), a.webhookCommand(),
		a.psCommand(), a.whereCommand(), a.breakGlassCommand(), a.checkCommand(), a.doctorCommand(),
		a.manifestsCommand(), a.certificateCommand(), a.exportCommand(), a.versionCommand(),
	}
}

package invocation

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// NameArgs makes wrong arguments of a command, and of those below it, usage diagnostics.
func NameArgs(cmd *cobra.Command) {
	check := cmd.Args
	group := cmd.HasSubCommands()
	switch run := cmd.RunE; {
	case group: // cobra shows help for a word that it does not know, and for none, and calls that a success
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return neededCommand(cmd) }
		cmd.DisableFlagsInUseLine = true
	case run != nil:
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return nameUsage(cmd, run(cmd, args)) }
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if group && len(args) > 0 {
			return UnknownCommand(cmd, args[0])
		}
		if check == nil || check(cmd, args) == nil {
			return nil
		}
		if len(args) == 0 {
			return diag.Errorf("A0316", "`%s` needs arguments", cmd.CommandPath()).WithHelp("use it as: " + cmd.UseLine())
		}
		return diag.Errorf("A0316", "`%s` does not take these arguments: `%s`", cmd.CommandPath(), strings.Join(args, " ")).
			WithHelp("use it as: " + cmd.UseLine())
	}
	for _, c := range cmd.Commands() {
		NameArgs(c)
	}
}

// neededCommand says which commands there are below one that does nothing itself.
func neededCommand(cmd *cobra.Command) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return diag.Errorf("A0316", "`%s` needs a command: %s", cmd.CommandPath(), strings.Join(names, ", ")).
		WithHelp("run `" + cmd.CommandPath() + " --help`")
}

// nameUsage writes the command's name into the next step of usage diagnostics, which are made where it is not known.
func nameUsage(cmd *cobra.Command, err error) error {
	for _, d := range diag.All(err) {
		if d.Help == seeHelp {
			d.Help = "run `" + cmd.CommandPath() + " --help`"
		}
	}
	return err
}

// seeHelp is the next step of usage diagnostics until the command's name is known.
const seeHelp = "run the command with --help"

// UnknownCommand is a word that is no command, with the nearest that is.
func UnknownCommand(cmd *cobra.Command, word string) error {
	help := "run `" + cmd.CommandPath() + " --help` for the list"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		help = "did you mean `" + cmd.CommandPath() + " " + near[0] + "`?"
	}
	return diag.Errorf("A0316", "there is no command `%s %s`", cmd.CommandPath(), word).WithHelp(help)
}

// Usage makes wrong flags and arguments diagnostics too.
func Usage(format string, args ...any) *diag.Diagnostic {
	return diag.Errorf("A0316", format, args...).WithHelp(seeHelp)
}

// FlagError is what a root command does about a flag that it does not know.
func FlagError(cmd *cobra.Command, err error) error {
	return diag.Errorf("A0316", "`%s`: %w", cmd.CommandPath(), err).WithHelp("run `" + cmd.CommandPath() + " --help`")
}

// HelpOrUnknown is what a root command does without a verb, or with one that it does not know.
func HelpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return UnknownCommand(cmd, args[0])
	}
	return cmd.Help()
}

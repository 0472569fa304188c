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
	if group { // cobra shows help for a word that it does not know, and calls that a success
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		cmd.DisableFlagsInUseLine = true
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if group && len(args) > 0 {
			return UnknownCommand(cmd, args[0])
		}
		if check == nil || check(cmd, args) == nil {
			return nil
		}
		got := "none"
		if len(args) > 0 {
			got = "`" + strings.Join(args, " ") + "`"
		}
		return diag.Errorf("A0316", "`%s` was given wrong arguments: %s", cmd.CommandPath(), got).WithHelp("use it as: " + cmd.UseLine())
	}
	for _, c := range cmd.Commands() {
		NameArgs(c)
	}
}

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
func Usage(format string, args ...any) error {
	return diag.Errorf("A0316", format, args...).WithHelp("run the command with --help")
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

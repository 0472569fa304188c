package invocation

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Help makes a root command's help fit into width columns, and refuses help about words that are no command: cobra shows the parent's
// help then, and calls that a success. What it gives says, after the command ran, whether that happened.
func Help(root *cobra.Command, width int) (refused func() error) {
	var err error
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			err = UnknownCommand(cmd, words[0])
			return
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), helpText(cmd, width))
	})
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Run, c.RunE = nil, helpAbout
		}
	}
	return func() error { return err }
}

// helpAbout is the verb help: cobra's own takes a word that it does not know for the root.
func helpAbout(help *cobra.Command, args []string) error {
	cmd, rest, err := help.Root().Find(args)
	if err != nil || cmd.HasSubCommands() && len(rest) > 0 {
		return UnknownCommand(cmd, rest[0])
	}
	cmd.InitDefaultHelpFlag()
	return cmd.Help()
}

func helpText(cmd *cobra.Command, width int) string {
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	usage := cmd.UsageString()
	for _, set := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		if wide := strings.TrimRight(set.FlagUsages(), " \n"); wide != "" {
			usage = strings.Replace(usage, wide, foldFlags(wide, width), 1)
		}
	}
	return diag.Fold(strings.TrimSpace(about), width) + "\n\n" + foldCommands(usage, width)
}

// flagLine is a flag as pflag lists it: name and type, then what it is for, all of a list in one column.
var flagLine = lazyregexp.New(`^( +(?:-\w, )?--\S+(?: \S+)?)( {3,})(.*)$`)

// optionalValue is a flag whose value may be left out, as pflag shows it: with the value that is then taken. A value needs the equals sign.
var optionalValue = lazyregexp.New(`--(\S+) (\w+)\[=.*\]$`)

// The widest column of names beside which there is room for what they are for, and where that stands otherwise, on a line of its own.
const (
	besideNames = 30
	belowNames  = 10
)

func foldFlags(usages string, width int) string {
	var out []string
	for _, l := range strings.Split(usages, "\n") {
		m := flagLine.FindStringSubmatch(l)
		if m == nil {
			out = append(out, l)
			continue
		}
		name := optionalValue.ReplaceAllString(m[1], "--$1[=$2]")
		at, first := len(m[1]+m[2]), name+strings.Repeat(" ", len(m[1]+m[2])-len(name))
		if at > besideNames {
			at, first = belowNames, name+"\n"+strings.Repeat(" ", belowNames)
		}
		out = append(out, first+strings.ReplaceAll(diag.Fold(m[3], width-at), "\n", "\n"+strings.Repeat(" ", at)))
	}
	return strings.Join(out, "\n")
}

// foldCommands folds what is said of each command in a list of them. Examples are commands to copy, and stay whole.
func foldCommands(usage string, width int) string {
	lines := strings.Split(usage, "\n")
	section := ""
	for i, l := range lines {
		if l != "" && !strings.HasPrefix(l, " ") {
			section = l
		}
		name, about, ok := strings.Cut(strings.TrimPrefix(l, "  "), " ")
		if !ok || name == "" || len(l) <= width || strings.HasSuffix(section, "lags:") || section == "Usage:" || section == "Examples:" {
			continue
		}
		at := len(l) - len(strings.TrimLeft(about, " "))
		folded := diag.Fold(l[at:], width-at)
		lines[i] = l[:at] + strings.ReplaceAll(folded, "\n", "\n"+strings.Repeat(" ", at))
	}
	return strings.Join(lines, "\n")
}

package invocation

import (
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Command describes one command for the reference page, as cobra knows it.
type Command struct {
	Path    string // "selfsame key new"
	Use     string // with its arguments
	Group   string // title of its group, without the colon; empty below the top level
	Short   string
	Long    string
	Example string
	Flags   []Flag // its own, without those that every command has
}

// Flag is one flag.
type Flag struct {
	Name      string // without dashes
	Shorthand string // one letter, or empty
	Type      string // "string", "strings", or empty for a switch
	Default   string // as text; empty where it is the type's own
	Optional  bool   // a value need not follow
	Usage     string
}

// Reference lists every command below root that is for people, parents first, and the flags that all of them have.
func Reference(root *cobra.Command) (commands []Command, common []Flag) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("completion") // cobra adds it only for a command line that has any other argument
	titles := map[string]string{}
	for _, g := range root.Groups() {
		titles[g.ID] = strings.TrimSuffix(g.Title, ":")
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		commands = append(commands, Command{
			Path: c.CommandPath(), Use: strings.TrimSuffix(c.UseLine(), " [flags]"), Group: titles[c.GroupID], Short: c.Short, Long: c.Long,
			Example: c.Example, Flags: flags(c.LocalNonPersistentFlags()),
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return commands, flags(root.PersistentFlags())
}

// flags describes a set of flags, sorted by name.
func flags(set *pflag.FlagSet) []Flag {
	var out []Flag
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		def := f.DefValue
		if def == "false" || def == "[]" {
			def = ""
		}
		out = append(out, Flag{
			Name: f.Name, Shorthand: f.Shorthand, Type: kind, Default: def, Usage: usage,
			Optional: f.NoOptDefVal != "" && kind != "",
		})
	})
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

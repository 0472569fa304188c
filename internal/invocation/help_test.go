package invocation

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// tree is a root with one verb, and a group that has one.
func tree(out *bytes.Buffer) *cobra.Command {
	root := &cobra.Command{Use: "prog", Short: "Do it", Args: cobra.ArbitraryArgs, RunE: HelpOrUnknown, SilenceErrors: true, SilenceUsage: true}
	verb := &cobra.Command{Use: "verb FILE", Short: "Do one thing, and say at some length what that is, so that it does not fit", Args: cobra.ExactArgs(1),
		Long: "Read a file that is there, and write\nanother one. What is wrong is said.", Example: "  prog verb a-file-with-quite-a-long-name.yaml --to another-file-with-a-long-name",
		RunE: func(*cobra.Command, []string) error { return Usage("nothing was given") }}
	verb.Flags().String("to", "", "where to write it, which is said at some length here as well")
	group := &cobra.Command{Use: "group", Short: "Things"}
	below := &cobra.Command{Use: "below", Short: "Do another thing", RunE: func(*cobra.Command, []string) error { return nil }}
	below.Flags().String("maybe", "", "what may be left out")
	below.Flags().Lookup("maybe").NoOptDefVal = "-"
	below.Flags().StringArray("a-flag-with-quite-a-long-name", nil, "what stands on a line of its own, because names are long")
	group.AddCommand(below)
	for _, c := range []*cobra.Command{verb, group} {
		NameArgs(c)
		root.AddCommand(c)
	}
	root.SetOut(out)
	return root
}

// say runs a command line: what it prints, and its failure with the next step.
func say(t *testing.T, line string) (string, string) {
	t.Helper()
	var out bytes.Buffer
	root := tree(&out)
	refused := Help(root, 60)
	root.SetArgs(strings.Fields(line))
	err := root.Execute()
	if err == nil {
		err = refused()
	}
	var said []string
	for _, d := range diag.All(err) {
		said = append(said, d.Error()+" / "+d.Help)
	}
	return out.String(), strings.Join(said, "\n")
}

func TestHelpIsAboutCommands(t *testing.T) {
	for line, want := range map[string]string{
		"verb":              "`prog verb` needs arguments / use it as: prog verb FILE [flags]",
		"verb x y":          "`prog verb` does not take these arguments: `x y` / use it as: prog verb FILE [flags]",
		"verb x":            "nothing was given / run `prog verb --help`",
		"group":             "`prog group` needs a command: below / run `prog group --help`",
		"group other":       "there is no command `prog group other` / run `prog group --help` for the list",
		"other --help":      "there is no command `prog other` / run `prog --help` for the list",
		"group blow --help": "there is no command `prog group blow` / did you mean `prog group below`?",
		"help other":        "there is no command `prog other` / run `prog --help` for the list",
		"help group other":  "there is no command `prog group other` / run `prog group --help` for the list",
	} {
		if out, got := say(t, line); got != want || out != "" {
			t.Errorf("%s: %s\n%s\nwant %s", line, got, out, want)
		}
	}
	for _, line := range []string{"", "--help", "help", "verb --help", "verb x --help", "help verb", "help group below", "group --help"} {
		if out, got := say(t, line); got != "" || !strings.Contains(out, "Usage:\n  prog") {
			t.Errorf("%s: %s\n%s", line, got, out)
		}
	}
}

func TestHelpFits(t *testing.T) {
	for line, want := range map[string][]string{
		"verb --help": {
			"Read a file that is there, and write another one. What is\nwrong is said.\n\nUsage:\n  prog verb FILE [flags]\n",
			"  prog verb a-file-with-quite-a-long-name.yaml --to another-file-with-a-long-name\n", // to be copied
			"      --to string   where to write it, which is said at some\n                    length here as well\n",
		},
		"group below --help": {"      --maybe[=string]\n          what may be left out\n", "      --a-flag-with-quite-a-long-name stringArray\n          what stands on a line of its own, because names\n          are long\n"},
		"--help":             {"  verb        Do one thing, and say at some length what that\n              is, so that it does not fit\n"},
	} {
		out, _ := say(t, line)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s:\n%s\nhas not\n%s", line, out, w)
			}
		}
	}
}

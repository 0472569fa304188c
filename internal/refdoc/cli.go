package refdoc

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/cli"
	"github.com/selfsame-build/selfsame/internal/guardcli"
	"github.com/selfsame-build/selfsame/internal/invocation"
)

func cliPage() string {
	commands, common := cli.Reference()
	var s strings.Builder
	s.WriteString("# Commands\n\n" +
		"stdout is the result: one line, or one JSON document with `--json` ([its fields](json.md)). Everything else goes to stderr. " +
		"A terminal changes decoration, never facts. What a command's [exit code](exit-codes.md) means is the same everywhere.\n\n" +
		"RECIPE is a file, or a folder with `recipe.yaml`; left out, the current folder.\n\n")
	commandList(&s, cli.Name, commands, common)
	return s.String()
}

func guardCLIPage() string {
	commands, common := guardcli.Reference()
	var s strings.Builder
	s.WriteString("# Commands of selfsame-guard\n\n" +
		"stdout is the result, everything else goes to stderr, and an [exit code](exit-codes.md) means the same as everywhere. " +
		"What it reads is in its [configuration](guard-config.md).\n\n")
	commandList(&s, guardcli.Name, commands, common)
	return s.String()
}

func commandList(s *strings.Builder, program string, commands []invocation.Command, common []invocation.Flag) {
	s.WriteString(table("command", "what it does"))
	for _, c := range commands {
		if c.Path != program && strings.Count(c.Path, " ") == 1 {
			s.WriteString(row("["+code(c.Path)+"](#"+anchor(c.Path)+")", c.Short))
		}
	}
	s.WriteString("\n## Flags of every command\n\n" + flagTable(common))
	for _, c := range commands {
		if c.Path != program {
			s.WriteString(commandText(program, c))
		}
	}
}

// anchor is what Markdown renderers make of a heading.
func anchor(path string) string { return strings.ReplaceAll(path, " ", "-") }

func commandText(program string, c invocation.Command) string {
	var s strings.Builder
	s.WriteString("## " + c.Path + "\n\n" + block("text", c.Use) + c.Short + ".\n\n")
	// Cobra's own texts on shell completion hold indented commands of every shell; `selfsame completion SHELL --help` has them.
	if c.Long != "" && !strings.HasPrefix(c.Path, program+" completion") && !strings.HasPrefix(c.Path, program+" help") {
		s.WriteString(strings.TrimSpace(c.Long) + "\n\n")
	}
	s.WriteString(flagTable(c.Flags))
	if c.Example != "" {
		s.WriteString("Examples:\n\n" + block("text", undent(c.Example)))
	}
	return s.String()
}

// undent takes two spaces off each line, which cobra's examples begin with.
func undent(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

func flagTable(flags []invocation.Flag) string {
	if len(flags) == 0 {
		return ""
	}
	s := table("flag", "meaning", "default")
	for _, f := range flags {
		name := "--" + f.Name
		switch {
		case f.Optional:
			name += "[=" + f.Type + "]"
		case f.Type != "":
			name += " " + f.Type
		}
		name = code(name)
		if f.Shorthand != "" {
			name = code("-"+f.Shorthand) + ", " + name
		}
		def := ""
		if f.Default != "" {
			def = code(f.Default)
		}
		s += row(name, f.Usage, def)
	}
	return s + "\n"
}

package refdoc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/cli"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func exitPage() string {
	s := "# Exit codes\n\nExit 0 only when what was asked for is positively proven. A code that is not in this table is a failure.\n\n" +
		table("code", "meaning", "then")
	for _, e := range diag.ExitTable() {
		s += row(strconv.Itoa(e.Code), e.Meaning, e.Then)
	}
	return s + "\nOnly 17 is worth trying again unchanged. 14 to 17 all keep a gate shut.\n"
}

// groups are the groups of codes, by the first three characters.
var groups = [...]struct{ prefix, title string }{
	{"A01", "Recipe"}, {"A02", "Lock"}, {"A03", "Build"}, {"A04", "Mismatch"}, {"A05", "Evidence"}, {"A06", "Policy"}, {"A07", "Environment"}, {"A08", "Audit"},
	{"A09", "The guard"},
}

func diagnosticsPage() string {
	infos := diag.Table()
	slices.SortFunc(infos, func(a, b diag.Info) int { return strings.Compare(string(a.Code), string(b.Code)) })
	var index, pages strings.Builder
	for _, g := range groups {
		n := 0
		for _, i := range infos {
			if !strings.HasPrefix(string(i.Code), g.prefix) {
				continue
			}
			if n++; n == 1 {
				index.WriteString("\n## " + g.title + "\n\n" + table("code", "exit", "what"))
			}
			index.WriteString(row("["+string(i.Code)+"](#"+strings.ToLower(string(i.Code))+")", exitText(i.Exit), i.Title))
			fmt.Fprintf(&pages, "### %s\n\n**%s** (%s)\n\n%s\n\n", i.Code, i.Title, exitWord(i.Exit), strings.TrimSpace(i.Page))
		}
	}
	return "# Diagnostics\n\nEvery failure that is yours to act on has a code that never changes its meaning. " +
		"`selfsame explain CODE` prints the page below.\n" + index.String() + "\n## What each means\n\n" + pages.String()
}

func exitText(c int) string {
	if c == diag.ExitProven {
		return "warning"
	}
	return strconv.Itoa(c)
}

func exitWord(c int) string {
	if c == diag.ExitProven {
		return "a warning, which stops nothing"
	}
	return "exit " + strconv.Itoa(c)
}

func environmentPage() string {
	s := "# Environment variables\n\nNo variable can change a byte of an image: that is for recipe, lock and source alone. Builders and steps inherit none of them.\n\n" +
		table("variable", "meaning", "read by")
	for _, v := range cli.Environment() {
		by, meaning := v.Library, v.Meaning
		if by == "" {
			by = cli.Name
		}
		if v.Secret {
			meaning += "; secret: never printed or stored"
		}
		s += row(code(v.Name), meaning, by)
	}
	return s
}

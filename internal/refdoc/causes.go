package refdoc

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/compare/cause"
)

// causesPage is the catalogue of causes.
func causesPage() string {
	var pages strings.Builder
	index := table("class", "cause", "the usual remedy")
	for _, c := range cause.Catalogue() {
		index += row("["+string(c.Class)+"](#"+strings.ToLower(string(c.Class))+")", c.Title, c.Remedy)
		fmt.Fprintf(&pages, "### %s\n\n**%s**\n\n%s\n\n", c.Class, c.Title, strings.TrimSpace(c.Page))
	}
	return "# Causes\n\nWhy two builds of one recipe differ: the classes that a report names. `selfsame explain CLASS` prints the text below; " +
		"[how they are told apart](../explanation/naming-the-cause.md).\n\n" + index + "\n## What each means\n\n" + pages.String()
}

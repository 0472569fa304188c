// Package refdoc writes the reference pages that say what the code says: commands and flags, exit codes, diagnostics, the
// recipe's fields, environment variables. Each page is made from the one table that the program itself uses, so a page can
// be stale but never wrong, and a test sees when it is stale.
package refdoc

//go:generate go run ./genref ../../docs/reference

import (
	"fmt"
	"strings"
)

// notice opens every generated page.
const notice = "<!-- Generated from the code by `make generate`; edits here are lost. -->\n\n"

// Pages is the text of every generated page, by file name.
func Pages() (map[string][]byte, error) {
	recipe, err := recipePage()
	if err != nil {
		return nil, fmt.Errorf("writing the recipe's page: %w", err)
	}
	policies, err := policyPage()
	if err != nil {
		return nil, fmt.Errorf("writing the policy's page: %w", err)
	}
	out := map[string][]byte{}
	for name, text := range map[string]string{
		"cli.md":           cliPage(),
		"exit-codes.md":    exitPage(),
		"diagnostics.md":   diagnosticsPage(),
		"causes.md":        causesPage(),
		"environment.md":   environmentPage(),
		"recipe.md":        recipe,
		"guard-cli.md":     guardCLIPage(),
		"guard-config.md":  guardConfigPage(),
		"guard-metrics.md": guardMetricsPage(),
		"policy.md":        policies,
	} {
		out[name] = []byte(notice + strings.TrimRight(text, "\n") + "\n")
	}
	return out, nil
}

// row is one row of a Markdown table. A bar or newline in a cell would end it.
func row(cells ...string) string {
	safe := strings.NewReplacer("|", "\\|", "\n", " ")
	for i, c := range cells {
		cells[i] = safe.Replace(c)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// table starts a Markdown table.
func table(heads ...string) string {
	return row(heads...) + strings.Repeat("|---", len(heads)) + "|\n"
}

// code is text as code.
func code(s string) string { return "`" + s + "`" }

// block is text as a fenced block.
func block(info, text string) string {
	return "```" + info + "\n" + strings.Trim(text, "\n") + "\n```\n\n"
}

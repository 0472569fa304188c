package refdoc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/cli"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestPagesAreFresh(t *testing.T) {
	pages, err := Pages()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", name))
		if err != nil {
			t.Errorf("run `make generate` and commit: %v", err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/reference/%s is stale; run `make generate` and commit (-code +page):\n%s", name, diff)
		}
	}
}

// TestPagesAreWhole looks for what must be on each page, in case a table was cut short on its way.
func TestPagesAreWhole(t *testing.T) {
	pages, err := Pages()
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, i := range diag.Table() {
		codes = append(codes, "### "+string(i.Code)+"\n", "["+string(i.Code)+"](")
	}
	var causes []string
	for _, c := range cause.Catalogue() {
		causes = append(causes, "### "+string(c.Class)+"\n", "["+string(c.Class)+"](")
	}
	var variables []string
	for _, v := range cli.Environment() {
		variables = append(variables, "| `"+v.Name+"` |")
	}
	for name, wants := range map[string][]string{
		"cli.md":           {"## selfsame build\n", "`--push[=string]`", "`-q`, `--quiet`", "## selfsame key new\n", "## selfsame completion bash\n", "selfsame lock --upgrade=nodejs"},
		"guard-cli.md":     {"## selfsame-guard ps\n", "`--config string`", "## selfsame-guard break-glass list\n"},
		"guard-config.md":  {"| `keep.stale` |", "| `policy` (required) |", "`/run/selfsame/guard.sock`"},
		"guard-metrics.md": {"| `selfsame_verify_total` | counter | `point`, `result`, `reason` |", "- alert: SelfsameUnverifiedRunning"},
		"exit-codes.md":    {"| 0 |", "| 13 |", "| 143 |"},
		"diagnostics.md":   codes,
		"causes.md":        causes,
		"environment.md":   variables,
		"policy.md": {"| `rules[].match` (required) | list |", "| `waivers[].expires` (required) | time |", "| `signatures` | list of [Signature](#signature) |", "### Provenance\n",
			"| `parameters` | map of string to any | externalParameters |", "`every`", "| `packages` | 50000 |"},
		"recipe.md": {"| `recipe` (required) |", "## `build.stages[].steps[].copy`\n", "## `build.contexts.NAME.debian`\n", "| `compression` | `zstd`, `gzip`, `none` |",
			"## `build.config`\n", "## `build.stages[].from.debian`\n", "| `from` (required) | text or mapping |"},
	} {
		for _, want := range wants {
			if !strings.Contains(string(pages[name]), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
	if text := string(pages["cli.md"]); strings.Contains(text, "supervise") {
		t.Error("cli.md shows a hidden command")
	}
}

func TestRowsStayRows(t *testing.T) {
	if got, want := row("a|b", "c\nd"), "| a\\|b | c d |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

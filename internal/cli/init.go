//go:build !front

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/starter"
)

func (a *app) initCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "init [DIR]", GroupID: "author", Short: "Write a recipe.yaml to start from, and its schema for editors",
		Example: "  selfsame init\n  selfsame init --from Dockerfile", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.runInit(recipeArg(args), from) },
	}
	cmd.Flags().StringVar(&from, "from", "", "an existing Dockerfile below DIR, which stays as it is")
	return cmd
}

func (a *app) runInit(dir, from string) error {
	path := filepath.Join(dir, recipes.FileName)
	if _, err := os.Lstat(path); err == nil {
		return usage("`%s` is there already", path).WithHelp("edit that one, or remove it first; `selfsame check` reads it")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	text, err := firstRecipe(dir, from, starter.Options{Name: filepath.Base(abs), Platform: "linux/" + runtime.GOARCH})
	if err != nil {
		return err
	}
	schema := filepath.Join(dir, "recipe.schema.json")
	if err := atomicfile.Write(schema, recipes.Schema(), 0o644); err != nil {
		return err
	}
	if err := atomicfile.Write(path, text, 0o644); err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Recipe        string `json:"recipe"`
			Schema        string `json:"schema"`
		}{1, path, schema})
	}
	_, err = fmt.Fprintln(a.Out, path)
	return err
}

func firstRecipe(dir, from string, o starter.Options) ([]byte, error) {
	if from == "" {
		return starter.Template(o)
	}
	data, err := os.ReadFile(from) //nolint:gosec // the user's own file
	if err != nil {
		return nil, usage("reading the Dockerfile: %v", err).WithHelp("give the path of one that is there; without --from the recipe spells the build out itself")
	}
	rel := relative(dir, from)
	if rel == "" {
		return nil, usage("`%s` does not lie below `%s`", from, dir)
	}
	o.Dockerfile = rel
	return starter.FromDockerfile(data, o)
}

// relative is path as seen from dir, or empty when it does not lie below.
func relative(dir, path string) string {
	a, err1 := filepath.Abs(dir)
	b, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return ""
	}
	rel, err := filepath.Rel(a, b)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
}

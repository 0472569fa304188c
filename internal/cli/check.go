//go:build !front

package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lint"
)

func (a *app) checkCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use: "check [RECIPE]", GroupID: "author", Short: "Read the recipe and its Dockerfile, and warn about what makes builds differ",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.runCheck(recipeArg(args), strict) },
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "let warnings fail the command (exit 10)")
	return cmd
}

func (a *app) runCheck(path string, strict bool) error {
	r, err := recipes.Load(path)
	if err != nil {
		return err
	}
	var dockerfile []byte
	name := ""
	if r.Build.Dockerfile != "" {
		name = filepath.Join(r.Dir, r.Source.Path, r.Build.Dockerfile)
		if dockerfile, err = builder.ReadDockerfile(filepath.Join(r.Dir, r.Source.Path), r.Build.Dockerfile); err != nil {
			at, text := r.Where("build.dockerfile")
			return diag.Errorf("A0301", "reading `%s`: %w", name, err).WithAt(at, text).WithHelp("correct `dockerfile:` in the recipe")
		}
	}
	found := lint.Check(r, dockerfile, name)
	warnings := 0
	for _, d := range found {
		if d.Severity == diag.SeverityWarning {
			warnings++
		}
	}
	if a.global.json {
		if found == nil {
			found = diag.List{}
		}
		if err := json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int       `json:"schemaVersion"`
			Name          string    `json:"name"`
			Findings      diag.List `json:"findings"`
		}{1, r.Name, found}); err != nil {
			return err
		}
	} else {
		a.render(found)
		fmt.Fprintf(a.Out, "%s: %s\n", r.Path, diag.Counted(warnings, "warning", "warnings"))
	}
	if err := found.Err(); err != nil {
		return shownError(diag.ExitCode(err))
	}
	if strict && warnings > 0 {
		return shownError(diag.ExitUsage)
	}
	return nil
}

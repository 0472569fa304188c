package cli

import (
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/recipes"
)

func (a *app) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "schema", GroupID: "nouns", Short: "Print the JSON Schema of a file format", Args: cobra.NoArgs}
	cmd.AddCommand(&cobra.Command{
		Use: "recipe", Short: "Print the JSON Schema of recipe.yaml", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.Out.Write(recipes.Schema())
			return err
		},
	})
	cmd.AddCommand(&cobra.Command{
		Use: "policy", Short: "Print the JSON Schema of policies", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.Out.Write(policy.Schema())
			return err
		},
	})
	return cmd
}

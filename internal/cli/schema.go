//go:build !front

package cli

import (
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/trust"
)

func (a *app) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "schema", GroupID: "nouns", Short: "Print the JSON Schema of a file format", Args: cobra.NoArgs}
	for _, f := range []struct {
		name, short string
		schema      func() []byte
	}{
		{"recipe", "Print the JSON Schema of recipe.yaml", recipes.Schema},
		{"trust", "Print the JSON Schema of a trust file", trust.Schema},
		{"roster", "Print the JSON Schema of a roster", trust.RosterSchema},
		{"policy", "Print the JSON Schema of policies", policy.Schema},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: f.name, Short: f.short, Args: cobra.NoArgs,
			Example: "  selfsame schema " + f.name + " > " + f.name + ".schema.json",
			RunE: func(*cobra.Command, []string) error {
				_, err := a.Out.Write(f.schema())
				return err
			},
		})
	}
	return cmd
}

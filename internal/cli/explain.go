package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain CODE", GroupID: "build", Short: "Explain a diagnostic, such as A0202",
		Example: "  selfsame explain A0202", Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, i := range diag.Table() {
				out = append(out, string(i.Code)+"\t"+i.Title)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			info, ok := diag.Lookup(diag.Code(strings.ToUpper(args[0])))
			if !ok {
				return usage("there is no diagnostic `%s`", args[0])
			}
			if a.global.json {
				return json.NewEncoder(a.Out).Encode(struct {
					SchemaVersion int    `json:"schemaVersion"`
					Code          string `json:"code"`
					Exit          int    `json:"exit"`
					Title         string `json:"title"`
					Page          string `json:"page"`
				}{1, string(info.Code), info.Exit, info.Title, info.Page})
			}
			_, err := fmt.Fprintf(a.Out, "%s: %s (exit %d)\n\n%s\n", info.Code, info.Title, info.Exit, strings.TrimRight(info.Page, "\n"))
			return err
		},
	}
}

package guardcli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/invocation"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", GroupID: "nouns", Short: "Print the version of " + Name, Args: cobra.NoArgs,
		Example: "  selfsame-guard version --json",
		RunE: func(*cobra.Command, []string) error {
			if a.global.json {
				return json.NewEncoder(a.Out).Encode(struct {
					SchemaVersion int    `json:"schemaVersion"`
					Version       string `json:"version"`
					Go            string `json:"go"`
				}{1, invocation.Version(), runtime.Version()})
			}
			_, err := fmt.Fprintf(a.Out, "%s %s (%s)\n", Name, invocation.Version(), runtime.Version())
			return err
		},
	}
}

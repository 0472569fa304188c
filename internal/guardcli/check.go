package guardcli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", GroupID: "look", Short: "Read the configuration, and say everything that is wrong with it", Args: cobra.NoArgs,
		Example: "  selfsame-guard check --config guard.yaml",
		RunE: func(*cobra.Command, []string) error {
			if _, err := a.configuration(); err != nil {
				return err
			}
			if a.global.json {
				return json.NewEncoder(a.Out).Encode(struct {
					SchemaVersion int    `json:"schemaVersion"`
					Config        string `json:"config"`
				}{1, a.global.config})
			}
			_, err := fmt.Fprintf(a.Out, "%s: ok\n", a.global.config)
			return err
		},
	}
}

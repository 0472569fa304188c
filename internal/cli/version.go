package cli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/invocation"
)

func version() string { return invocation.Version() }

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", GroupID: "nouns", Short: "Print the versions of selfsame and what it is made of", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.global.json {
				return json.NewEncoder(a.Out).Encode(struct {
					SchemaVersion int    `json:"schemaVersion"`
					Version       string `json:"version"`
					BuildKit      string `json:"buildkit"`
					Go            string `json:"go"`
				}{1, version(), builder.BuildKitVersion, runtime.Version()})
			}
			_, err := fmt.Fprintf(a.Out, "%s %s (buildkit %s, %s)\n", Name, version(), builder.BuildKitVersion, runtime.Version())
			return err
		},
	}
}

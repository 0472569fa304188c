//go:build !front

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/registry/local"
)

func (a *app) registryCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "registry", GroupID: "nouns", Short: "Run a small registry on this machine, to try things out", Args: cobra.NoArgs}
	var o local.Options
	serve := &cobra.Command{
		Use: "serve", Short: "Serve until interrupted", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := local.Serve(cmd.Context(), o)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.Out, s.Host); err != nil {
				return err
			}
			<-cmd.Context().Done()
			return s.Close()
		},
	}
	serve.Flags().StringVar(&o.Dir, "dir", "", "folder that holds the content (default: a temporary one, removed at the end)")
	serve.Flags().StringVar(&o.Addr, "addr", "127.0.0.1:0", "address to listen on; loopback only")
	cmd.AddCommand(serve)
	return cmd
}

package guardcli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func (a *app) breakGlassCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "break-glass", GroupID: "look", Short: "Look at what may run for some hours whatever the policy says", Args: cobra.NoArgs,
		Long: `A break-glass statement lets one image run in some namespaces for at most 24 hours, whatever the policy says. It is
signed with "selfsame break-glass" by a key that has the role break-glass in the trust file and no other, and put into the folder that the
configuration names.

Only the deny list goes before it, for the image and for whoever signed the statement; where a list is asked for and none counts any more, nothing
passes. While a registry cannot be read, the list is asked for the digest that is to run, and what was denied when evidence was last read stays so.
What else the list names (a platform of an index, a base, a signer, a builder) is not seen then: deny an index by its own digest, too.

Until it is gone, it is in the log with each decision, and the metric selfsame_breakglass_active is not 0.`,
	}
	list := &cobra.Command{
		Use: "list", Short: "List the statements in force on this node", Args: cobra.NoArgs,
		Example: "  selfsame-guard break-glass list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.configuration()
			if err != nil {
				return err
			}
			grants, err := agent.Client{Socket: c.Socket.Path}.Grants(cmd.Context())
			if err != nil {
				return err
			}
			return a.showGrants(grants)
		},
	}
	cmd.AddCommand(list)
	return cmd
}

func (a *app) showGrants(grants []breakglass.Grant) error {
	if a.global.json {
		if grants == nil {
			grants = []breakglass.Grant{}
		}
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int                `json:"schemaVersion"`
			Statements    []breakglass.Grant `json:"statements"`
		}{1, grants})
	}
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tIMAGE\tNAMESPACES\tUNTIL\tSIGNED BY\tOWNER\tREASON")
	for _, g := range grants {
		fmt.Fprintf(w, "%s\t%s@%s\t%s\t%s\t%s\t%s\t%s\n", g.ID, g.Name, short(g.Digest.String()), strings.Join(g.Namespaces, ","), g.Expires.UTC().Format(time.RFC3339),
			g.SignedBy, diag.Printable(g.Owner), diag.Printable(g.Reason))
	}
	return w.Flush()
}

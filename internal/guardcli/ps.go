package guardcli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func (a *app) psCommand() *cobra.Command {
	var bad bool
	cmd := &cobra.Command{
		Use: "ps", GroupID: "look", Short: "List what runs on this node, and under which verdict", Args: cobra.NoArgs,
		Long: `Ask this node's agent which containers run, from which image, and whether that image is allowed now: the verdict is reached anew when policy,
trust file or deny list change, and on a timer. Exit 14 if any is not allowed, or was not judged yet.`,
		Example: "  selfsame-guard ps\n  selfsame-guard ps --unverified --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.running(cmd.Context())
			if err != nil {
				return err
			}
			return a.showRunning(all, bad)
		},
	}
	cmd.Flags().BoolVar(&bad, "unverified", false, "only those whose image is not allowed now")
	return cmd
}

func (a *app) whereCommand() *cobra.Command {
	return &cobra.Command{
		Use: "where DIGEST", GroupID: "look", Short: "Say where on this node an image runs", Args: cobra.ExactArgs(1),
		Long: `Ask this node's agent which containers run an image, by the digest of its index or of one platform. Exit 0 also where none does: that is the
answer then.`,
		Example: "  selfsame-guard where sha256:1f1c...",
		RunE: func(cmd *cobra.Command, args []string) error {
			d := digest.Digest(args[0])
			if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
				return usage("`%s` is not a sha256 digest", diag.Printable(args[0])).
					WithHelp("a digest is sha256: and 64 digits from 0 to f; `selfsame-guard ps --json` shows those that run")
			}
			all, err := a.running(cmd.Context())
			if err != nil {
				return err
			}
			return a.printRunning(agent.Where(all, d))
		},
	}
}

func (a *app) running(ctx context.Context) ([]agent.Running, error) {
	c, err := a.configuration()
	if err != nil {
		return nil, err
	}
	return agent.Client{Socket: c.Socket.Path}.Running(ctx)
}

func (a *app) showRunning(all []agent.Running, onlyBad bool) error {
	var shownOnes []agent.Running
	code := diag.ExitProven
	for _, r := range all {
		if !r.Verified() {
			code = diag.ExitPolicy
		}
		if !onlyBad || !r.Verified() {
			shownOnes = append(shownOnes, r)
		}
	}
	if err := a.printRunning(shownOnes); err != nil || code == diag.ExitProven {
		return err
	}
	return shown(code)
}

func (a *app) printRunning(list []agent.Running) error {
	if a.global.json {
		if list == nil {
			list = []agent.Running{}
		}
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int             `json:"schemaVersion"`
			Containers    []agent.Running `json:"containers"`
		}{1, list})
	}
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAMESPACE\tWORKLOAD\tCONTAINER\tIMAGE\tDIGEST\tVERDICT\tJUDGED")
	for _, r := range list {
		judged := "-"
		if !r.Judged.IsZero() {
			judged = r.Judged.UTC().Format(time.RFC3339)
		}
		cells := []string{dash(r.Namespace), dash(r.Workload), dash(r.Name), dash(r.Image), dash(short(r.Digest.String())), verdictOf(r), judged}
		for i := range cells {
			cells[i] = diag.Printable(cells[i])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// verdictOf is a verdict in a few words.
func verdictOf(r agent.Running) string {
	switch {
	case r.Verdict == nil:
		return "not judged yet"
	case r.Verdict.BreakGlass != nil:
		return "break-glass until " + r.Verdict.BreakGlass.Expires.UTC().Format(time.RFC3339)
	case r.Verdict.Allow:
		return "allowed"
	case len(r.Verdict.Reasons) > 0:
		return "DENIED: " + r.Verdict.Reasons[0]
	}
	return "DENIED"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short is the beginning of a digest, as people compare it.
func short(d string) string {
	if len(d) > 19 {
		return d[:19]
	}
	return d
}

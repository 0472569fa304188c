package guardcli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/verify"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", GroupID: "look", Short: "Read the configuration and the files that it names, and say everything that is wrong", Args: cobra.NoArgs,
		Long: `Read the configuration, the trust file, the roster and the policy's file, as the guard will. No registry is asked. Exit 0 if all can be used; warnings are
shown, and change nothing.`,
		Example: "  selfsame-guard check --config guard.yaml",
		RunE: func(*cobra.Command, []string) error {
			if err := a.checkFiles(time.Now()); err != nil {
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

// checkFiles reads what the guard will read of this machine.
func (a *app) checkFiles(now time.Time) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	var o verify.Options
	found, err := o.UseTrust(c.Trust, now)
	if err == nil && c.Roster != "" {
		var more diag.List
		more, err = o.UseRoster(c.Roster)
		found = append(found, more...)
	}
	if err != nil {
		return err
	}
	if c.Policy.File != "" {
		p, err := policy.Load(c.Policy.File)
		if err != nil {
			return err
		}
		found = append(found, p.Check(now)...)
	}
	if err := found.Err(); err != nil {
		return err
	}
	for _, d := range found {
		a.warn(d)
	}
	return nil
}

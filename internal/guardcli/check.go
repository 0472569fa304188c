package guardcli

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
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
	trusted := err == nil
	if trusted && c.Roster != "" {
		var more diag.List
		more, err = o.UseRoster(c.Roster)
		found = append(found, more...)
	}
	if err != nil && len(diag.All(err)) == 0 {
		return err
	}
	found = append(found, diag.All(err)...)
	if c.Policy.File != "" {
		p, err := policy.Load(c.Policy.File)
		switch {
		case err == nil:
			found = append(found, p.Check(now)...)
		case len(diag.All(err)) == 0:
			return err
		}
		found = append(found, diag.All(err)...)
	}
	if trusted {
		found = append(found, roles(c, o)...)
	}
	if err := found.Err(); err != nil {
		return err
	}
	for _, d := range found {
		a.warn(d)
	}
	return nil
}

// roles looks for somebody who may say what the configuration waits for: without one the guard would deny all images, or all statements.
func roles(c config.Config, o verify.Options) (found diag.List) {
	has := func(r trust.Role) bool {
		return slices.ContainsFunc(o.Signers, func(s trust.Signer) bool { return s.May(r) })
	}
	if c.Policy.From != "" && !has(trust.Policy) {
		found = append(found, diag.Errorf("A0653", "nobody in `%s` may sign the policy that `policy: {from: %s}` names", c.Trust, c.Policy.From).
			WithWhy("whoever may push to the registry could put rules of his own there").
			WithHelp("give a signer of the trust file `roles: [policy]`, with a key of its own"))
	}
	if c.BreakGlass != "" && !has(trust.BreakGlass) {
		found = append(found, diag.Warnf(diag.CodeGuardConfig, "nobody in `%s` has the role break-glass, so that no statement in `%s` counts", c.Trust, c.BreakGlass).
			WithHelp("give a signer of the trust file `roles: [break-glass]`, with a key of its own"))
	}
	if c.Verdicts == "accept" && !has(trust.Verifier) {
		found = append(found, diag.Warnf(diag.CodeGuardConfig, "nobody in `%s` has the role verifier, so that `verdicts: accept` accepts none", c.Trust).
			WithHelp("give a signer of the trust file `roles: [verifier]`, with a key of its own"))
	}
	return found
}

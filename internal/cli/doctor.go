package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/userns"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", GroupID: "nouns", Short: "Check that this machine can build, and say what to install", Args: cobra.NoArgs,
		Long: `Check the programs that a build needs, start both builders, and measure from inside a step how unlike they are. Exit 0 only if
a build can be proven here, 17 if not.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDoctor(cmd) },
	}
}

// runDoctor makes the checks that can be made without building, then the ones that need builders.
func (a *app) runDoctor(cmd *cobra.Command) error {
	checks, root := a.rootChecks()
	checks = append(checks,
		program("git", "without git every file of the source is packed, and `epoch:` must be a number"))
	bins, err := a.binaries()
	if err != nil {
		checks = append(checks, builder.Check{Name: "programs", Detail: err.Error(), Help: "run `make build`, and install runc"})
		return a.showChecks(checks)
	}
	for _, p := range []string{bins.Buildkitd, bins.Vary, bins.Runc} {
		checks = append(checks, builder.Check{Name: "program", OK: true, Detail: p})
	}
	if root {
		a.global.progress = "quiet"
		h, done, err := a.host(cmd.Context())
		if err != nil {
			return err
		}
		checks = append(checks, h.Doctor(cmd.Context())...)
		done()
	}
	return a.showChecks(checks)
}

// rootChecks says whether we are root, or can be root of a user namespace. Where we can, it does not return: the command starts anew there.
func (a *app) rootChecks() (checks []builder.Check, root bool) {
	uid := os.Geteuid()
	if uid == 0 {
		c := builder.Check{Name: "root", OK: true, Detail: "uid 0"}
		if userns.Inside() {
			c.Detail = "rootless: " + userns.Describe()
		}
		return []builder.Check{c}, true
	}
	missing := false
	for _, c := range userns.Checks() {
		missing = missing || !c.OK
		checks = append(checks, builder.Check{Name: c.Name, OK: c.OK, Detail: c.Detail, Help: c.Help})
	}
	c := builder.Check{Name: "root", Detail: fmt.Sprintf("uid %d, and no user namespace", uid), Help: "see below; or run the command with sudo, or in a privileged container"}
	if !missing {
		c.Detail = a.asRoot().Error()
	}
	return append([]builder.Check{c}, checks...), false
}

func program(name, why string) builder.Check {
	path, err := exec.LookPath(name)
	if err != nil {
		return builder.Check{Name: name, Warning: true, Detail: "not installed: " + why, Help: "apt-get install " + name}
	}
	return builder.Check{Name: name, OK: true, Detail: path}
}

func (a *app) showChecks(checks []builder.Check) error {
	bad := false
	for _, c := range checks {
		bad = bad || (!c.OK && !c.Warning)
	}
	if a.global.json {
		if err := json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int             `json:"schemaVersion"`
			OK            bool            `json:"ok"`
			Checks        []builder.Check `json:"checks"`
		}{1, !bad, checks}); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
		for _, c := range checks {
			state := "ok"
			switch {
			case c.Warning && !c.OK:
				state = "warning"
			case !c.OK:
				state = "FAIL"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", state, c.Name, c.Detail)
			if !c.OK && c.Help != "" {
				fmt.Fprintf(w, "\t\t  help: %s\n", c.Help)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if bad {
		return shownError(diag.ExitUndecided)
	}
	return nil
}

//go:build !front

package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func (a *app) lockCommand() *cobra.Command {
	o := builder.LockOptions{Out: DefaultOut}
	var secrets, agents []string
	links := lockLinks()
	cmd := &cobra.Command{
		Use: "lock [RECIPE]", GroupID: "author", Short: "Record every input of the build, once, and write selfsame.lock",
		Long: `Run the recipe once behind the recording input server. Every image, URL, package and HTTP response that the build reads goes
into the store, and its digest into selfsame.lock, one input a line. What was locked before and is still wanted stays as it is;
--upgrade asks upstream again.`,
		Example: "  selfsame lock\n  selfsame lock --check\n  selfsame lock --upgrade\n  selfsame lock --upgrade=nodejs",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Recipe = recipeArg(args)
			var err error
			if o.Credentials, err = a.credentials(secrets, agents); err != nil {
				return err
			}
			return a.runLock(cmd, o, links)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Check, "check", false, "only say whether the lock is fresh (exit 11 if not)")
	f.StringSliceVar(&o.Upgrade, "upgrade", nil, "ask upstream again, for all inputs or for those whose name contains a word")
	f.Lookup("upgrade").NoOptDefVal = "*"
	f.BoolVar(&o.Offline, "offline", false, "use only what the store has")
	f.StringVar(&o.Mirror, "debian-mirror", "", "Debian mirror to ask (default: the machine's own)")
	f.StringArrayVar(&secrets, "secret", nil, "give steps a secret while recording: `id=NAME,src=FILE` or id=NAME,env=VARIABLE; its value is kept nowhere")
	f.StringArrayVar(&agents, "ssh", nil, "lend steps an ssh agent while recording: `ID` (the agent of SSH_AUTH_SOCK) or ID=SOCKET; most often ID is default")
	f.StringVar(&o.Out, "out", DefaultOut, "the build's output folder, which is no part of the context")
	links.add(f)
	links.addInstance(cmd)
	return cmd
}

func (a *app) runLock(cmd *cobra.Command, o builder.LockOptions, links linkFlags) error {
	if len(links.tokens)+len(links.keys) == 0 && links.by.config+links.by.root != "" {
		return usage("--signing-config and --trusted-root are for links: give --link-key or --link-identity-token")
	}
	if !o.Check {
		if err := a.asRoot(); err != nil { // before a password is asked for
			return err
		}
	}
	var err error
	if o.Links, err = links.signers(cmd.Context(), a); err != nil {
		return err
	}
	a.private = links.files()
	gather := func() (*builder.Host, func(), error) { return a.host(cmd.Context()) }
	if o.Check { // for CI, where nobody may build
		gather = a.reader
	}
	h, done, err := gather()
	if err != nil {
		return err
	}
	res, err := h.Lock(cmd.Context(), o)
	done()
	if err != nil {
		return err
	}
	if len(res.Refused) > 0 && !a.global.quiet {
		a.render(res.Refused)
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Path          string `json:"path"`
			Entries       int    `json:"entries"`
			Changed       bool   `json:"changed"`
		}{1, res.Path, res.Entries, res.Written})
	}
	if !a.global.quiet {
		if err := res.Plan.Text(a.Err); err != nil {
			return err
		}
	}
	for _, l := range res.Links {
		a.notice("signed %s", l)
	}
	state := "unchanged"
	if res.Written {
		state = "written"
	}
	if o.Check {
		state = "fresh"
	}
	_, err = fmt.Fprintf(a.Out, "%s %s: %s\n", res.Path, state, diag.Counted(res.Entries, "input", "inputs"))
	return err
}

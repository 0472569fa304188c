//go:build !front

package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
	"github.com/selfsame-build/selfsame/verify/drill"
)

func (a *app) drillCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "drill", GroupID: "trust", Short: "Rehearse an emergency, without changing anything", Args: cobra.NoArgs}
	var f verifyFlags
	revoke := &cobra.Command{
		Use: "revoke REF|LAYOUT {--key KEY.pub | --certificate-identity WHO | --trust FILE} --deny-list LIST", Short: "Rehearse taking an image back, and change nothing", Args: cobra.ExactArgs(1),
		Long: `Rehearse a revocation. The image must verify as it is, with the flags and the deny list that your gates use. Then deny lists are made that
nobody else ever sees, signed by a key that ends with the command, and the image is verified under each of them: as an image, as a platform,
by its signer and its builder since a time, by its base and by a package in it. Each must be refused with exit 14, and an entry for something
else must change nothing. An older list than the newest, and one that has ended, must be refused with exit 17.

It also says how old the list is that is asked now. Nothing is published, and no list, key or image is changed. Exit 14: something that must be
refused was not.`,
		Example: "  selfsame drill revoke registry.example.com/team/shop:v1 --key release.pub --deny-list registry.example.com/ops/denylist --deny-key revoker.pub\n" +
			"  selfsame drill revoke registry.example.com/team/shop:v1 --trust trust.yaml",
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDrill(cmd.Context(), args[0], f) },
	}
	fl := revoke.Flags()
	fl.StringSliceVar(&f.keys, "key", nil, "public key that must have signed the evidence: a file, pkcs11:... or NAME://...#sha256=...")
	f.who.register(fl)
	fl.StringVar(&f.name, "name", "", "repository that the evidence must name (default: REF's; for a layout: whatever it names)")
	fl.StringVar(&f.trust.file, "trust", "", "trust file: whose word counts, for what")
	fl.StringVar(&f.trust.roster, "roster", "", "roster: who may say that an image was built again")
	fl.BoolVar(&f.allow, "allow-unreproduced", false, "accept an image that is signed but was not reproduced")
	f.fresh.register(fl)
	cmd.AddCommand(revoke)
	return cmd
}

func (a *app) runDrill(ctx context.Context, ref string, f verifyFlags) error {
	f.trust.summary.format = "bundle" // no summary is written
	f.fresh.rehearsal = true
	c := a.registry(registry.Options{})
	o, _, err := a.ground(ctx, c, f)
	if err != nil {
		return err
	}
	if o.Deny == nil {
		return usage("a drill needs the deny list that your gates ask: --deny-list with --deny-key, or `denylist:` in the trust file; without one, nothing that is taken back is noticed")
	}
	o.Reference = ref
	if err := subjectAt(ctx, c, ref, &o); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "selfsame-drill-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing in it is needed
	demand, err := a.drillDemand(f, o)
	if err != nil {
		return err
	}
	res, err := drill.Revoke(ctx, drill.Options{Verify: o, Demand: demand, Dir: dir, Now: time.Now()})
	if err != nil {
		return err
	}
	show := res.Text
	if a.global.json {
		show = res.JSON
	}
	if err := show(a.Out); err != nil {
		return err
	}
	if !res.Passed {
		return shownError(res.ExitCode)
	}
	return nil
}

// drillDemand is what the gates ask of the list.
func (a *app) drillDemand(f verifyFlags, o verify.Options) (d freshness.Demand, err error) {
	d.Minimum, d.MaxAge = f.fresh.denyMinimum, time.Duration(f.fresh.denyMaxAge)
	if o.DenyAt != nil {
		d.Minimum, d.MaxAge = o.DenyAt.Minimum, o.DenyAt.MaxAge
	}
	d.Memory, err = a.memory(f.fresh.stateless)
	return d, err
}

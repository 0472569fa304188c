//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

type waiveFlags struct {
	finding, owner, reason, until, key string
	sign                               keylessFlags
}

func (a *app) waiveCommand() *cobra.Command {
	var f waiveFlags
	cmd := &cobra.Command{
		Use: "waive REF|LAYOUT --finding sha256:DIGEST", GroupID: "trust", Short: "Overrule one finding against an image, by name and until a given day",
		Long: `Sign a waiver of one finding (a rebuild that differed, a verification that failed) and attach it to the image. It counts where a trust
file gives the key the role waiver, for this image and this finding only, and until it expires. "selfsame verify" names findings.`,
		Example: "  selfsame waive registry.example.com/team/shop@sha256:... --finding sha256:... --owner sec@example.com \\\n" +
			"    --reason 'rebuilder had a broken disk, ticket 4711' --until 2026-12-31 --key waiver.key",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runWaive(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.finding, "finding", "", "the finding: sha256 of the statement, as verify shows it")
	fl.StringVar(&f.owner, "owner", "", "who answers for it")
	fl.StringVar(&f.reason, "reason", "", "why, for whoever reads it later")
	fl.StringVar(&f.until, "until", "", "the day on which it ends (2026-12-31)")
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) with the role waiver")
	f.sign.register(cmd)
	return cmd
}

func (a *app) runWaive(ctx context.Context, ref string, f waiveFlags) error {
	end, err := f.check(time.Now())
	if err != nil {
		return err
	}
	var o verify.Options
	if err := subjectAt(ctx, a.registry(registry.Options{}), ref, &o); err != nil {
		return err
	}
	store, ok := o.Source.(artifact.Store)
	if !ok {
		return usage("`%s` takes no evidence", ref)
	}
	found, err := verify.FindFinding(ctx, o, digest.Digest(f.finding))
	switch {
	case err != nil && (ctx.Err() != nil || len(diag.All(err)) > 0): // it could not be seen
		return err
	case err != nil:
		return usage("%v", err)
	}
	a.notice("waiving %s about %s", found.Result, found.Subject.Digest)
	if o.ExpectName != "" {
		found.Name = o.ExpectName // a waiver counts for the image's own name, under whatever name somebody found something
	}
	made, err := provenance.WaiverStatement(found.Name, found.Subject, provenance.Waiver{
		Finding: provenance.SHA256Reference("", digest.Digest(f.finding)), Owner: f.owner, Reason: f.reason, Expires: end,
	})
	if err != nil {
		return err
	}
	return a.attachSigned(ctx, store, made, f.key, f.sign, trust.Waiver)
}

func (f waiveFlags) check(now time.Time) (time.Time, error) {
	switch {
	case artifact.CheckDigest(digest.Digest(f.finding)) != nil:
		return time.Time{}, usage("`waive` needs --finding sha256:DIGEST")
	case strings.TrimSpace(f.owner) == "" || strings.TrimSpace(f.reason) == "":
		return time.Time{}, usage("`waive` needs --owner and --reason: somebody answers for it")
	case f.key == "" && !f.sign.on:
		return time.Time{}, usage("`waive` needs --key or --keyless: a waiver that nobody signed overrules nothing")
	}
	end, err := time.Parse(time.DateOnly, f.until)
	if err != nil {
		return end, usage("`waive` needs --until with a day, as in 2026-12-31: a waiver ends")
	}
	if !end.After(now) {
		return end, usage("--until %s: that day is over", f.until)
	}
	return end, nil
}

// attachSigned signs a statement and stores it beside its subject.
func (a *app) attachSigned(ctx context.Context, store artifact.Store, made provenance.Subjected, key string, k keylessFlags, role trust.Role) error {
	signer, err := a.openSigner(ctx, key, k, role)
	if err != nil {
		return err
	}
	bundle, err := signing.Sign(ctx, signer, made.Payload)
	if err != nil {
		return err
	}
	stored, err := store.Attach(ctx, made.Subject, artifact.Bundle(signing.BundleMediaType, bundle, made.PredicateType))
	if err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int           `json:"schemaVersion"`
			Subject       digest.Digest `json:"subject"`
			Referrer      digest.Digest `json:"referrer"`
		}{1, made.Subject.Digest, stored[0].Digest})
	}
	_, err = fmt.Fprintln(a.Out, stored[0].Digest)
	return err
}

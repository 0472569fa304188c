//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/trust"
)

type indexFlags struct {
	key, to   string
	of        []string
	drop      []string
	sequence  int64
	life      life
	stateless bool
	who       identityFlags
	before    listSigners
	sign      keylessFlags
}

func (a *app) indexCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "index", GroupID: "trust", Short: "Sign a list of the statements about an image, so that a deletion is noticed", Args: cobra.NoArgs}
	f := indexFlags{life: life(30 * 24 * time.Hour)}
	renew := &cobra.Command{
		Use: "renew REF --key KEY --signed-by RELEASE.pub", Short: "Publish the image's next release index", Args: cobra.ExactArgs(1),
		Long: `List every statement that is attached to an image and its platforms and that one of the --signed-by keys or a --certificate-identity signed,
sign the list with the indexer's key, and attach it to the image. It is numbered and ends by itself. A statement that the index before it lists and that is gone
is an error (exit 16), unless --drop names it. With --to the index is published in another repository, which the image's registry does not
own.`,
		Example: "  selfsame index renew registry.example.com/team/shop:v1 --key indexer.key --signed-by release.pub",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runIndexRenew(cmd.Context(), args[0], f) },
	}
	fl := renew.Flags()
	fl.StringVar(&f.key, "key", "", "the indexer's private key: a file, pkcs11:... or NAME://... (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	fl.StringSliceVar(&f.of, "signed-by", nil, "public keys whose statements are listed")
	f.who.register(fl)
	f.before.registerBeside(fl, "release-index", "other indexers, whose index is followed: the one before, while keys are rotated")
	f.sign.registerBeside(renew)
	fl.StringVar(&f.to, "to", "", "publish the index in this repository (default: the image's)")
	fl.StringSliceVar(&f.drop, "drop", nil, "bundles (sha256:...) that the last index lists and this one need not")
	fl.Int64Var(&f.sequence, "sequence", 0, "least number of the new index; for a new start where verifiers have seen a later one")
	fl.Var(&f.life, "expires", "how long the index counts")
	fl.BoolVar(&f.stateless, "stateless", false, "remember nothing, and compare with nothing that was seen before")
	cmd.AddCommand(renew)
	return cmd
}

func (a *app) runIndexRenew(ctx context.Context, ref string, f indexFlags) error {
	switch {
	case f.key == "" && !f.sign.on || len(f.of) == 0 && !f.who.named():
		return usage("`index renew` needs --key (the indexer's; or --keyless) and --signed-by or --certificate-identity (whose statements are listed)")
	case f.life <= 0 || time.Duration(f.life) > provenance.MaxLife:
		return usage("--expires is between now and %d days", int(provenance.MaxLife/(24*time.Hour)))
	}
	x := freshness.Indexer{Life: time.Duration(f.life), Now: time.Now(), Sequence: f.sequence}
	for _, d := range f.drop {
		if err := artifact.CheckDigest(digest.Digest(d)); err != nil {
			return usage("--drop: %v", err)
		}
		x.Drop = append(x.Drop, digest.Digest(d))
	}
	var err error
	if x.Of.Keys, err = a.verifiers(ctx, f.of); err != nil {
		return err
	}
	if x.Of.Root, x.Identities, err = f.who.load(); err != nil {
		return err
	}
	if err := f.signer(ctx, a, &x); err != nil {
		return err
	}
	if x.Memory, err = a.memory(f.stateless); err != nil {
		return err
	}
	c := a.registry(registry.Options{})
	got, err := c.Resolve(ctx, ref)
	if err != nil {
		return err
	}
	to := got.Repository
	if f.to != "" {
		if to, err = c.Repository(f.to); err != nil {
			return err
		}
	}
	subjects := []artifact.Descriptor{got.Descriptor}
	if got.Parsed.Index != nil {
		subjects = append(subjects, got.Parsed.Index.Manifests...)
	}
	made, err := x.Renew(ctx, got.Repository, to, got.Repository.Name(), subjects)
	if err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(shownIndex{1, got.Pinned(), made.Bundle,
			provenance.ReleaseIndex{Edition: made.Edition.Edition, Statements: made.Statements}})
	}
	_, err = fmt.Fprintf(a.Out, "%s: %s, %s\n", got.Pinned(), diag.Counted(len(made.Statements), "statement", "statements"), made.Edition.Edition)
	return err
}

// signer opens what signs the index, and says whose index it may follow.
func (f *indexFlags) signer(ctx context.Context, a *app, x *freshness.Indexer) error {
	root := x.Of.Root
	if root == nil && f.who.root != "" {
		var err error
		if root, err = loadRoot(f.who.root); err != nil {
			return err
		}
	}
	var err error
	if x.Before, x.Counts, err = f.before.against(ctx, a, root); err != nil {
		return err
	}
	if f.sign.on && x.Before.Root == nil {
		return usage("--keyless needs --trusted-root, --release-index-identity and --release-index-issuer: whose indexes are followed, yours among them")
	}
	f.sign.settle(f.who.root)
	x.Signer, err = a.openSigner(ctx, f.key, f.sign, trust.Indexer)
	return err
}

// shownIndex is a release index in JSON: the predicate, and what it is about.
type shownIndex struct {
	SchemaVersion int           `json:"schemaVersion"`
	Reference     string        `json:"reference"`
	Bundle        digest.Digest `json:"bundle"`
	provenance.ReleaseIndex
}

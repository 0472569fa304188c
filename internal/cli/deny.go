//go:build !front

package cli

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/trust"
)

// denyFlags are the flags of the verbs that change a list.
type denyFlags struct {
	list, key, reason, since, name string
	issuer                         string // of identities
	who                            listSigners
	sign                           keylessFlags
	life                           life
	dryRun, stateless              bool
}

func (a *app) denyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "deny", GroupID: "trust", Short: "Keep the deny list: images, signers, builders, bases and packages taken back", Args: cobra.NoArgs,
		Long: `A deny list says what is not to be used any more, whatever evidence it has. It is signed, numbered and ends by itself unless it is
renewed, and "selfsame verify --deny-list" asks it before anything else. Every verb reads the list, checks it, makes the next one, signs
and publishes it; two operators may do so at once.`}
	add := a.denyChange("add WHAT...", "Take something back, at once", `Take something back. WHAT is one of

  sha256:HEX            an image, by the digest of its index or of one platform
  REPOSITORY@sha256:HEX, REPOSITORY:TAG
                        an image in a registry, with all its platforms
  base=sha256:HEX       every image that was built on this base or from this input
  pkg:TYPE/NAME@VERSION every image that this package went into; without a version, any version
  builder=ID            what this builder built (with --since: from then on)
  signer=KEY.pub        what this key signed (with --since: from then on); also signer=HINT
  signer-identity=WHO   what was signed under a certificate of this subject, of --issuer, exactly

The list is read, checked, given the next number, signed and published in one go.`,
		"  selfsame deny add sha256:1f1c... --reason \"leaks the signing key\" --list registry.example.com/ops/denylist --key revoker.key",
		func(ctx context.Context, f *denyFlags, args []string) (func([]provenance.DenyEntry) []provenance.DenyEntry, error) {
			entries, err := a.denyEntries(ctx, *f, args)
			return func(old []provenance.DenyEntry) []provenance.DenyEntry { return withEntries(old, entries) }, err
		})
	lift := a.denyChange("lift WHAT...", "Lift an entry that was a mistake", "Remove entries from the list. WHAT is written as for add.",
		"  selfsame deny lift pkg:npm/left-pad@1.3.0 --list registry.example.com/ops/denylist --key revoker.key",
		func(ctx context.Context, f *denyFlags, args []string) (func([]provenance.DenyEntry) []provenance.DenyEntry, error) {
			f.reason = lifted
			entries, err := a.denyEntries(ctx, *f, args)
			return func(old []provenance.DenyEntry) []provenance.DenyEntry {
				for _, e := range entries {
					if !slices.ContainsFunc(old, func(o provenance.DenyEntry) bool { return o.Subject() == e.Subject() }) {
						a.notice("nothing to lift: the list has no entry for %s", e.Subject())
					}
				}
				return withoutEntries(old, entries)
			}, err
		})
	renew := a.denyChange("renew", "Publish the same entries again, with a new end", "Publish the list again as it is, before it ends. Run it by a timer, a few times in the list's life.",
		"  selfsame deny renew --list registry.example.com/ops/denylist --key revoker.key",
		func(context.Context, *denyFlags, []string) (func([]provenance.DenyEntry) []provenance.DenyEntry, error) {
			return func(old []provenance.DenyEntry) []provenance.DenyEntry { return old }, nil
		})
	for _, c := range []*cobra.Command{add, lift} {
		c.Args = cobra.MinimumNArgs(1)
	}
	renew.Args = cobra.NoArgs
	cmd.AddCommand(a.denyNew(), add, lift, renew, a.denyShow())
	return cmd
}

// denyVerbFlags are those of every verb that signs a list.
func (a *app) denyVerbFlags(cmd *cobra.Command, f *denyFlags) {
	f.life = life(7 * 24 * time.Hour)
	fl := cmd.Flags()
	fl.StringVar(&f.list, "list", "", "the list: REPOSITORY or REPOSITORY:TAG in a registry, or a file")
	fl.StringVar(&f.key, "key", "", "the revoker's private key: a file, pkcs11:... or NAME://... (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	f.who.register(fl, "deny", "other revokers, whose lists may be built upon")
	f.sign.registerBeside(cmd)
	fl.Var(&f.life, "expires", "how long the new list counts")
	fl.BoolVar(&f.stateless, "stateless", false, "remember nothing, and compare with nothing that was seen before")
}

func (a *app) denyNew() *cobra.Command {
	var f denyFlags
	cmd := &cobra.Command{Use: "new --list REF --key KEY", Short: "Publish the first, empty list", Args: cobra.NoArgs,
		Example: "  selfsame deny new --list registry.example.com/ops/denylist --key revoker.key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.denyPublisher(cmd.Context(), f)
			if err != nil {
				return err
			}
			out, err := p.Create(cmd.Context(), f.name)
			if err != nil {
				return err
			}
			return a.showPublished(out)
		}}
	a.denyVerbFlags(cmd, &f)
	cmd.Flags().StringVar(&f.name, "name", "denylist", "what a list in a file calls itself; one in a registry is called as its repository")
	return cmd
}

type denyChange func(context.Context, *denyFlags, []string) (func([]provenance.DenyEntry) []provenance.DenyEntry, error)

func (a *app) denyChange(use, short, long, example string, make denyChange) *cobra.Command {
	var f denyFlags
	verb, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{Use: use + " --list REF --key KEY", Short: short, Long: long, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDenyChange(cmd.Context(), verb, &f, args, make)
		}}
	a.denyVerbFlags(cmd, &f)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "sign and publish nothing; show what the list would be")
	if verb == "add" {
		cmd.Flags().StringVar(&f.reason, "reason", "", "why, in one line, for those who are refused")
	}
	if verb != "renew" {
		cmd.Flags().StringVar(&f.issuer, "issuer", "", "for signer-identity: who vouches for it (the OpenID Connect issuer), exactly")
		cmd.Flags().StringVar(&f.since, "since", "", "for a signer or builder: from this time on (RFC 3339); without trusted time a statement counts as later")
	}
	return cmd
}

func (a *app) runDenyChange(ctx context.Context, verb string, f *denyFlags, args []string, make denyChange) error {
	if verb == "add" && f.reason == "" {
		return usage("`deny add` needs --reason: those who are refused will ask")
	}
	change, err := make(ctx, f, args)
	if err != nil {
		return err
	}
	p, err := a.denyPublisher(ctx, *f)
	if err != nil {
		return err
	}
	if f.dryRun {
		now, err := p.Current(ctx)
		if err != nil {
			return err
		}
		now.Entries = change(now.Entries)
		now.Edition = provenance.NewEdition(now.Sequence+1, time.Now(), p.Life)
		return a.showList(now, "would be")
	}
	out, err := p.Change(ctx, verb == "renew", change)
	if err != nil {
		return err
	}
	return a.showPublished(out)
}

// denyPublisher opens list and key.
func (a *app) denyPublisher(ctx context.Context, f denyFlags) (freshness.Publisher, error) {
	p := freshness.Publisher{Life: time.Duration(f.life), Now: time.Now, Sleep: sleepFor, Jitter: jitter}
	switch {
	case f.list == "":
		return p, usage("--list is missing: where the deny list is")
	case f.key == "" && !f.sign.on:
		return p, usage("--key is missing: the revoker's private key (or --keyless)")
	case p.Life <= 0 || p.Life > provenance.MaxLife:
		return p, usage("--expires is between now and %d days", int(provenance.MaxLife/(24*time.Hour)))
	}
	var err error
	if p.Place, err = freshness.OpenPlace(a.registry(registry.Options{}), f.list); err != nil {
		return p, err
	}
	if p.Trust, p.Counts, err = f.who.load(ctx, a); err != nil {
		return p, err
	}
	if f.sign.on && p.Trust.Root == nil {
		return p, usage("--keyless needs --trusted-root, --deny-identity and --deny-issuer: whose lists are built upon, yours among them")
	}
	f.sign.settle(f.who.root)
	if p.Signer, err = a.openSigner(ctx, f.key, f.sign, trust.Revoker); err != nil {
		return p, err
	}
	if v := p.Signer.Verifier(); v != nil {
		p.Trust.Keys = append(p.Trust.Keys, v)
	}
	p.Memory, err = a.memory(f.stateless)
	return p, err
}

// jitter is a number in [0,1) that keeps operators apart.
func jitter() float64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)
}

func sleepFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// showPublished prints the one line that always means this list.
func (a *app) showPublished(p freshness.Published) error {
	a.notice("%s: %s, %s", p.Name, p.Edition, diag.Counted(len(p.Entries), "entry", "entries"))
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(shownList{1, p.Pinned, p.Name, p.DenyList})
	}
	_, err := fmt.Fprintln(a.Out, p.Pinned)
	return err
}

// shownList is a deny list in JSON: the predicate, and where it is.
type shownList struct {
	SchemaVersion int    `json:"schemaVersion"`
	Reference     string `json:"reference"`
	Name          string `json:"name"`
	provenance.DenyList
}

func (a *app) showList(p freshness.Published, is string) error {
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(shownList{1, p.Pinned, p.Name, p.DenyList})
	}
	fmt.Fprintf(a.Out, "%s %s %s\n", p.Name, is, p.Edition)
	for _, e := range p.Entries {
		fmt.Fprintf(a.Out, "  %s  %s  %s\n", e.Added.UTC().Format(time.DateOnly), e.Subject(), e.Reason)
	}
	_, err := fmt.Fprintln(a.Out, diag.Counted(len(p.Entries), "entry", "entries"))
	return err
}

func withEntries(old, add []provenance.DenyEntry) []provenance.DenyEntry {
	for _, e := range add {
		if !slices.ContainsFunc(old, func(o provenance.DenyEntry) bool { return o.Subject() == e.Subject() }) {
			old = append(old, e)
		}
	}
	return old
}

func withoutEntries(old, drop []provenance.DenyEntry) []provenance.DenyEntry {
	return slices.DeleteFunc(old, func(o provenance.DenyEntry) bool {
		return slices.ContainsFunc(drop, func(e provenance.DenyEntry) bool { return o.Subject() == e.Subject() })
	})
}

//go:build !front

package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// lifted is the reason of entries that name what is lifted.
const lifted = "lifted"

// denyEntries reads what is to be denied.
func (a *app) denyEntries(ctx context.Context, f denyFlags, args []string) ([]provenance.DenyEntry, error) {
	e := provenance.DenyEntry{Reason: f.reason, Added: time.Now().UTC().Truncate(time.Second)}
	if f.since != "" {
		since, err := time.Parse(time.RFC3339, f.since)
		if err != nil {
			return nil, usage("--since %s: it is a time, as in 2026-01-31T12:00:00Z", f.since)
		}
		e.Since = since.UTC()
	}
	var out []provenance.DenyEntry
	for _, arg := range args {
		if subject, is := strings.CutPrefix(arg, "signer-identity="); is {
			if f.issuer == "" {
				return nil, usage("`%s` needs --issuer: who vouches for the identity", arg)
			}
			e := e
			e.Signer = &trust.Party{Identity: trust.Identity{Issuer: f.issuer, Subject: subject}}
			if err := e.Check(); err != nil {
				return nil, usage("`%s`: %v", arg, err)
			}
			out = append(out, e)
			continue
		}
		entries, err := a.denyEntry(ctx, e, arg)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if err := e.Check(); err != nil {
				return nil, usage("`%s`: %v", arg, err)
			}
		}
		out = append(out, entries...)
	}
	return out, nil
}

func (a *app) denyEntry(ctx context.Context, e provenance.DenyEntry, arg string) ([]provenance.DenyEntry, error) {
	kind, value, named := strings.Cut(arg, "=")
	switch {
	case strings.HasPrefix(arg, "sha256:"):
		e.Digest = digest.Digest(arg)
		if e.Reason != lifted {
			a.notice("%s alone: if it is an index, its platforms are not denied with it; name the image by its reference for that", arg)
		}
	case strings.HasPrefix(arg, "pkg:"):
		e.Package = arg
	case named && kind == "base":
		e.Base = digest.Digest(value)
	case named && kind == "builder":
		e.Builder = value
	case named && kind == "signer":
		party, err := denySigner(value)
		if err != nil {
			return nil, err
		}
		e.Signer = &party
	default:
		return a.denyImage(ctx, e, arg)
	}
	return []provenance.DenyEntry{e}, nil
}

// denySigner is a public key's file, or the hint that a bundle and every refusal of ours names it by.
func denySigner(value string) (trust.Party, error) {
	if sum, err := base64.StdEncoding.DecodeString(value); err == nil && len(sum) == 32 {
		return trust.Party{Key: trust.Key{Hint: value}}, nil
	}
	data, err := os.ReadFile(value)
	if err != nil {
		return trust.Party{}, usage("signer=%s is no file of a public key, and no key's hint: %v", value, err)
	}
	v, err := signing.LoadVerifier(data)
	if err != nil {
		return trust.Party{}, err
	}
	return trust.Party{Key: trust.Key{Hint: v.Key().Hint}}, nil
}

// denyImage takes back an image of a registry with its platform manifests: who pulls one of those by digest never sees the index.
func (a *app) denyImage(ctx context.Context, e provenance.DenyEntry, ref string) ([]provenance.DenyEntry, error) {
	got, err := a.registry(registry.Options{}).Resolve(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("asking which image is meant (a digest alone, sha256:..., needs no registry): %w", err)
	}
	e.Digest = digestOf(got.Descriptor)
	out := []provenance.DenyEntry{e}
	if artifact.IsIndex(got.Descriptor.MediaType) {
		for _, m := range got.Parsed.Index.Manifests {
			e.Digest = digestOf(m)
			out = append(out, e)
		}
	}
	return out, nil
}

func (a *app) denyShow() *cobra.Command {
	var who listSigners
	cmd := &cobra.Command{Use: "show REF|FILE", Short: "Show a list; with --deny-key or --deny-identity only if it holds and has not ended", Args: cobra.ExactArgs(1),
		Example: "  selfsame deny show registry.example.com/ops/denylist --deny-key revoker.pub",
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := freshness.OpenPlace(a.registry(registry.Options{}), args[0])
			if err != nil {
				return err
			}
			d := freshness.Demand{Now: time.Now()}
			if d.Trust, d.Counts, err = who.load(cmd.Context(), a); err != nil {
				return err
			}
			if !who.named() {
				return a.showUnchecked(cmd.Context(), place)
			}
			if d.Memory, err = a.memory(false); err != nil {
				return err
			}
			l, err := freshness.OpenDenyList(cmd.Context(), place, d)
			if err != nil {
				return err
			}
			return a.showList(freshness.Published{Pinned: l.Place, Name: l.Name,
				DenyList: provenance.DenyList{Edition: l.Edition.Edition, Entries: l.Entries}}, "holds:")
		}}
	who.register(cmd.Flags(), "deny", "whoever must have signed the list")
	return cmd
}

// showUnchecked shows what is there, as anybody may have written it.
func (a *app) showUnchecked(ctx context.Context, p freshness.Place) error {
	l, err := freshness.Unchecked(ctx, p)
	if err != nil {
		return err
	}
	a.notice("nothing was checked; --deny-key does")
	return a.showList(l, "says:")
}

//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/seal"
	"github.com/selfsame-build/selfsame/signing"
)

// showParts are the statements that show can print, by the words that users know them by.
var showParts = map[string]string{
	"provenance": provenance.PredicateProvenance, "sbom": provenance.PredicateSPDX, "rebuild": provenance.PredicateRebuild,
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show REF|LAYOUT [provenance|sbom|rebuild]", GroupID: "trust", Short: "Show an image's evidence as it was written, without judging it",
		Long: `Show what evidence an image carries, or one statement as JSON. Nothing is verified here: use "selfsame verify" to know what to
believe.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			part := ""
			if len(args) == 2 {
				part = args[1]
				if showParts[part] == "" {
					return usage("there is no part `%s`; the parts are provenance, sbom and rebuild", part)
				}
			}
			return a.runShow(cmd.Context(), args[0], part)
		},
	}
}

// source opens an image where it lies: a layout on disk or a registry.
func (a *app) source(ctx context.Context, ref string) (artifact.Source, digest.Digest, error) {
	if l, root, err := onDisk(ctx, ref); err != nil || l != nil {
		return l, digestOf(root), err
	}
	got, err := a.registry(registry.Options{}).Resolve(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	return got.Repository, digestOf(got.Descriptor), nil
}

func (a *app) runShow(ctx context.Context, ref, part string) error {
	src, root, err := a.source(ctx, ref)
	if err != nil {
		return err
	}
	list, err := a.attached(ctx, src, root)
	if err != nil {
		return err
	}
	switch {
	case part != "":
		for _, e := range list {
			if e.Type == showParts[part] {
				return printJSON(a.Out, e.predicate)
			}
		}
	case len(list) > 0 && a.global.json:
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int             `json:"schemaVersion"`
			Digest        digest.Digest   `json:"digest"`
			Evidence      []shownEvidence `json:"evidence"`
		}{1, root, list})
	case len(list) > 0:
		for _, e := range list {
			what := e.Type
			if what == seal.ArtifactType {
				what = "sealed inputs"
			}
			fmt.Fprintf(a.Out, "%s  %s  %s\n", e.Subject, what, e.Referrer)
		}
		return nil
	}
	return diag.Errorf("A0530", "`%s` carries no such evidence", ref).WithHelp(Name + " show " + ref)
}

// shownEvidence is one thing attached to an image.
type shownEvidence struct {
	Subject   digest.Digest `json:"subject"`
	Type      string        `json:"type"` // predicate type of a statement, else artifact type
	Referrer  digest.Digest `json:"referrer"`
	predicate json.RawMessage
}

// attached lists what is attached to an image's index and to its platform manifests. What cannot be read is said on stderr.
func (a *app) attached(ctx context.Context, src artifact.Source, root digest.Digest) ([]shownEvidence, error) {
	all, err := subjects(ctx, src, root)
	if err != nil {
		return nil, err
	}
	var out []shownEvidence
	for _, d := range all {
		listing, err := src.Referrers(ctx, d, artifact.Budget{})
		if err != nil {
			return nil, err
		}
		for _, r := range listing.Referrers {
			e := shownEvidence{Subject: d, Type: r.ArtifactType, Referrer: digestOf(r.Descriptor)}
			if r.ArtifactType != seal.ArtifactType {
				st, err := statement(ctx, src, r)
				if err != nil {
					fmt.Fprintf(a.Err, "%s: %v\n", e.Referrer, err)
					continue
				}
				e.Type, e.predicate = st.PredicateType, st.Predicate
			}
			out = append(out, e)
		}
	}
	return out, nil
}

// subjects are the image's index and its platform manifests.
func subjects(ctx context.Context, src artifact.Source, root digest.Digest) ([]digest.Digest, error) {
	desc, raw, err := src.Manifest(ctx, root)
	if err != nil {
		return nil, err
	}
	out := []digest.Digest{root}
	if !artifact.IsIndex(desc.MediaType) {
		return out, nil
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil {
		return nil, err
	}
	for _, c := range parsed.Index.Manifests {
		if d := digestOf(c); !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out, nil
}

// statement reads what a referrer says, without checking who says it.
func statement(ctx context.Context, src artifact.Source, r artifact.Referrer) (provenance.Statement, error) {
	if len(r.Layers) != 1 {
		return provenance.Statement{}, fmt.Errorf("it has %d blobs", len(r.Layers))
	}
	data, err := src.Blob(ctx, r.Layers[0], signing.MaxBundle)
	if err != nil {
		return provenance.Statement{}, err
	}
	if r.ArtifactType != provenance.PayloadType {
		var bundle struct {
			Envelope struct {
				Payload []byte `json:"payload"`
			} `json:"dsseEnvelope"`
		}
		if err := json.Unmarshal(data, &bundle); err != nil {
			return provenance.Statement{}, fmt.Errorf("reading the bundle: %w", err)
		}
		data = bundle.Envelope.Payload
	}
	return provenance.Parse(data)
}

func printJSON(w interface{ Write([]byte) (int, error) }, raw json.RawMessage) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(raw)
}

package rebuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// state makes the statements, has them signed by the role that may say so, and attaches them to the index and to every platform manifest.
func (a *Auditor) state(ctx context.Context, o Options, got registry.Resolved, found verify.Origin, res *Result) error {
	list, err := res.statements(o, got, found)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	signer, err := o.signer(res)
	if err != nil {
		return err
	}
	if signer != nil && signer.Key().Hint != "" { // who signs without a key is known once it has signed
		if err := o.apart(trust.Party{Key: signer.Key()}); err != nil {
			return err
		}
	}
	for _, st := range list {
		made, err := a.put(ctx, o, got.Repository, st, signer, res)
		if err != nil {
			return err
		}
		res.Statements = append(res.Statements, made)
	}
	return nil
}

// statements are a match for everything, or a mismatch for everything that differs.
func (r *Result) statements(o Options, got registry.Resolved, found verify.Origin) ([]provenance.Subjected, error) {
	switch measured := func(a provenance.Axis) bool { return a.State == provenance.AxisMeasured }; {
	case r.Verdict == Unsteady:
		r.NotSigned = "the auditor's own builders differ, which says nothing of the image"
		return nil, nil
	case r.Verdict == Reproduced && !slices.ContainsFunc(r.Axes, measured):
		r.NotSigned = "nothing was seen to differ between this build and the original's"
		return nil, nil
	}
	base := provenance.Rebuild{
		Result: provenance.ResultMatch, Independence: o.Independence, Axes: r.Axes, Inputs: r.Inputs, Locked: &r.Locked, Observed: &r.Observed,
		Challenge: r.Challenge, Provenance: map[string]string{"sha256": found.Payload.Encoded()},
	}
	if len(r.KeptBases) > 0 {
		base.Bases = provenance.BasesKept
	}
	statement := provenance.RebuildStatement
	if r.Verdict != Reproduced {
		base.Result, statement = provenance.ResultMismatch, provenance.FindingStatement
	}
	for _, b := range r.builders {
		base.Builders = append(base.Builders, provenance.RebuildPlace{Name: b.Name, ID: o.RebuilderID})
	}
	var out []provenance.Subjected
	add := func(s descriptor, rebuilt digest.Digest, level provenance.Level, platforms []Platform) error {
		st := base
		st.Level, st.Images = level, nil
		st.Original, st.Rebuilt = artifactOf(s.Digest), artifactOf(rebuilt)
		for _, p := range platforms {
			if p.Original == "" {
				continue // we made it, and nobody published it: there are no two sides
			}
			st.Images = append(st.Images, provenance.RebuildImage{
				Platform: p.Platform, Original: artifactOf(p.Original), Rebuilt: artifactOf(p.Rebuilt), DiffIDs: p.made.DiffIDs,
			})
		}
		made, err := statement(found.Name, s, st)
		if err != nil {
			return fmt.Errorf("making the statement about %s: %w", s.Digest, err)
		}
		out = append(out, made)
		return nil
	}
	if err := add(got.Descriptor, r.Rebuilt.Digest, r.Level, r.Platforms); err != nil {
		return nil, err
	}
	for _, p := range r.Platforms {
		if p.Original == "" || p.unseen || r.Verdict != Reproduced && levelRank(p.Level) >= levelRank(o.Level) {
			continue // not published, not looked into, or as equal as was asked for
		}
		if err := add(p.subject, p.Rebuilt, p.Level, []Platform{p}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func artifactOf(d digest.Digest) provenance.RebuildArtifact {
	return provenance.RebuildArtifact{Digest: map[string]string{"sha256": d.Encoded()}}
}

// signer is the key of the role that may say it: nil where there is none.
func (o Options) signer(res *Result) (*signing.Signer, error) {
	switch {
	case res.Verdict == Reproduced && o.Rebuilder != nil:
		return o.Rebuilder()
	case res.Verdict == Reproduced:
		res.NotSigned = "no key was given: --key rebuilder.key"
	case o.Finder != nil:
		return o.Finder()
	default:
		res.NotSigned = "a difference is signed by a key for findings alone: --finding-key finding.key"
	}
	return nil, nil
}

// apart refuses whoever signs releases as well: stock cosign takes any statement that a key signed as "signed", so one key for two roles
// makes a finding look like a release, and a builder its own auditor. The same goes for an identity.
func (o Options) apart(by trust.Party) error {
	if !slices.ContainsFunc(o.releasers(), func(s trust.Signer) bool { return s.Is(by) }) {
		return nil
	}
	return diag.Errorf("A0808", "the audit's statements would be signed by whoever signs the release, %s", by).
		WithWhy("a builder that audits itself proves nothing, and a finding signed by it would pass for a release").
		WithHelp("selfsame key new --out rebuilder")
}

// releasers are who may release, each with whatever it signs by.
func (o Options) releasers() (all []trust.Signer) {
	if o.Signers != nil {
		return slices.DeleteFunc(slices.Clone(o.Signers), func(s trust.Signer) bool { return !s.May(trust.Release) })
	}
	for _, k := range o.Release.Keys {
		all = append(all, trust.Signer{Keys: []trust.Key{k.Key()}})
	}
	if len(o.Identities) > 0 {
		all = append(all, trust.Signer{Identities: o.Identities})
	}
	return all
}

// sign signs a statement, and says by whom. A certificate that the release's root does not vouch for is of another instance of sigstore, where
// no identity is the release's.
func (o Options) sign(ctx context.Context, s *signing.Signer, payload []byte) ([]byte, string, error) {
	bundle, err := signing.Sign(ctx, s, payload)
	if err != nil || s.Key().Hint != "" {
		return bundle, s.Key().Hint, err
	}
	if got, err := (signing.Trust{Root: o.Release.Root}).Verify(bundle); err == nil {
		return bundle, got.By.String(), o.apart(got.By)
	}
	by, err := s.By(bundle)
	return bundle, by.String(), err
}

// put signs a statement and attaches it, or writes it to the output folder.
func (a *Auditor) put(ctx context.Context, o Options, repo *registry.Repository, st provenance.Subjected, s *signing.Signer, res *Result) (Statement, error) {
	out := Statement{Subject: st.Subject.Digest, Result: provenance.ResultMatch}
	if res.Verdict != Reproduced {
		out.Result = provenance.ResultMismatch
	}
	data, suffix := st.Payload, ".intoto.json"
	if s != nil {
		bundle, by, err := o.sign(ctx, s, st.Payload)
		if err != nil {
			return out, err
		}
		data, suffix, out.SignedBy = bundle, ".sigstore.json", by
	}
	if o.Push && s != nil {
		made, err := repo.Attach(ctx, st.Subject, artifact.Bundle(signing.BundleMediaType, data, st.PredicateType))
		if err != nil {
			return out, err
		}
		out.Referrer = made[0].Digest
		return out, nil
	}
	out.File = filepath.Join(o.Out, "rebuild-"+st.Subject.Digest.Encoded()[:16]+suffix)
	if err := os.MkdirAll(o.Out, 0o755); err != nil { //nolint:gosec // the user's output folder
		return out, fmt.Errorf("making the output folder: %w", err)
	}
	return out, atomicfile.Write(out.File, data, 0o644)
}

package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Tag names a tag of a repository, by the parts of a reference: "registry.example.com/ops/denylist:latest", or without ":latest", which is
// then meant. Nothing is sent yet. A0514: not a reference, or one by digest, which cannot move.
func (c *Client) Tag(ref string) (*Repository, string, error) {
	t, err := c.parse(ref)
	if err != nil {
		return nil, "", err
	}
	if t.tag == "" {
		return nil, "", diag.Errorf(codeReference, "`%.200s` names a digest, which stays as it is; a tag is wanted", ref).
			WithHelp("write it as registry.example.com/ops/denylist:latest")
	}
	return t.repo, t.tag, nil
}

// Tagged reads the artifact under a tag: its manifest must be that of one blob. found is false when there is no such tag.
func (r *Repository) Tagged(ctx context.Context, tag string) (manifest, blob artifact.Descriptor, found bool, err error) {
	desc, raw, err := r.getManifest(ctx, tag)
	doing := fmt.Sprintf("reading %s:%s", r.Name(), tag)
	if status(err) == 404 {
		return manifest, blob, false, nil
	}
	if err != nil {
		return manifest, blob, false, r.explain(ctx, doing, err)
	}
	p, err := artifact.Parse(desc.MediaType, raw)
	if err == nil && (p.Manifest == nil || len(p.Manifest.Layers) != 1) {
		err = fmt.Errorf("it is not an artifact of one blob")
	}
	if err != nil {
		return manifest, blob, false, diag.Errorf(codeMalformed, "%s: %w", doing, err)
	}
	return desc, p.Manifest.Layers[0], true, nil
}

// PutTagged stores an artifact that speaks about nothing else, and then lets tag lead to it. Somebody else may have moved the tag by the
// time that this returns: registries have no conditional write, so who must not lose anything reads the tag again.
func (r *Repository) PutTagged(ctx context.Context, tag string, a artifact.Artifact) (artifact.Descriptor, error) {
	doing := fmt.Sprintf("publishing %s:%s", r.Name(), tag)
	raw, manifest, blob, err := a.Alone()
	if err != nil {
		return manifest, fmt.Errorf("%s: %w", doing, err)
	}
	n := node{desc: manifest, raw: raw}
	if err := r.pushAll(ctx, []content{emptyConfig(), {blob, bytesOpener(a.Blob)}}); err != nil {
		return manifest, r.explain(ctx, doing, err)
	}
	for _, item := range []string{manifest.Digest.String(), tag} {
		if _, err := r.putManifest(ctx, item, manifest.MediaType, raw); err != nil {
			return manifest, r.explain(ctx, doing, err)
		}
		if strings.Contains(item, ":") {
			if err := r.readBack(ctx, item, n); err != nil {
				return manifest, r.explain(ctx, doing, err)
			}
		}
	}
	return manifest, nil
}

// Digest asks what a tag leads to now; empty when there is no such tag.
func (r *Repository) Digest(ctx context.Context, tag string) (digest.Digest, error) {
	desc, _, err := r.getManifest(ctx, tag)
	if status(err) == 404 {
		return "", nil
	}
	return desc.Digest, r.explain(ctx, fmt.Sprintf("reading %s:%s", r.Name(), tag), err)
}

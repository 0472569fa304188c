package registry

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// maxConfig bounds an image config in bytes.
const maxConfig = 8 << 20

// Image is one platform of an image in a registry.
type Image struct {
	Resolved                         // what the reference led to: an index, or Manifest itself
	Manifest     artifact.Descriptor // of the platform
	ManifestJSON []byte
	Config       []byte // the image config in JSON, verified
}

// ResolveImage finds the manifest and config of one platform, as in "linux/amd64" or "linux/arm/v7".
func (c *Client) ResolveImage(ctx context.Context, ref, platform string) (Image, error) {
	found, err := c.Resolve(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	img := Image{Resolved: found, Manifest: found.Descriptor, ManifestJSON: found.Raw}
	manifest := found.Parsed.Manifest
	if manifest == nil {
		if img.Manifest, err = found.platform(platform); err != nil {
			return Image{}, err
		}
		n, err := found.Repository.node(ctx, img.Manifest)
		if err != nil {
			return Image{}, found.Repository.explain(ctx, fmt.Sprintf("resolving `%s` for %s", ref, platform), err)
		}
		if manifest = n.parsed.Manifest; manifest == nil {
			return Image{}, diag.Errorf(codeMalformed, "resolving `%s` for %s: the platform's entry is no manifest", ref, platform)
		}
		img.ManifestJSON = n.raw
	}
	img.Config, err = found.Repository.Blob(ctx, manifest.Config, maxConfig)
	return img, err
}

// platform finds the one entry of an index for a platform. Entries for "unknown" are BuildKit's attestations.
func (r Resolved) platform(platform string) (artifact.Descriptor, error) {
	if r.Parsed.Index == nil {
		return r.Descriptor, nil
	}
	var have []string
	for _, d := range r.Parsed.Index.Manifests {
		switch p := platformString(d.Platform); {
		case p == platform, p+"/v8" == platform, p == platform+"/v8":
			return d, nil
		case p != "" && !strings.HasPrefix(p, "unknown"):
			have = append(have, p)
		}
	}
	return artifact.Descriptor{}, diag.Errorf(codeNotFound, "`%s` has no image for %s", r.Pinned(), platform).
		WithWhy("it has " + oneLine(strings.Join(have, ", "))).
		WithHelp("change `platforms:` in the recipe, or the base image")
}

func platformString(p *v1.Platform) string {
	if p == nil {
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

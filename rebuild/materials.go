package rebuild

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/foreign"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// ForeignMaterial is what upstream says of one material.
type ForeignMaterial struct {
	URI   string        `json:"uri"`
	State MaterialState `json:"state"`
	// Base: the image begins with all layers of this one.
	Base   bool   `json:"base"`
	Reason string `json:"reason,omitempty"` // why it was not found, or not asked for
}

// MaterialState is whether a material can still be had.
type MaterialState string

// The states.
const (
	MaterialThere    MaterialState = "there"
	MaterialGone     MaterialState = "gone"       // its registry says that it is not there
	MaterialSilent   MaterialState = "unanswered" // nobody answered, or nobody may be asked
	MaterialNotAsked MaterialState = "not asked"
)

// maxMaterials bounds how many are asked for: a stranger's list decides where requests go.
const maxMaterials = 64

// maxAsking bounds how long all of one image's are waited for; what has not come by then is unanswered.
const maxAsking = 2 * time.Minute

// materials asks for each image that the provenance of img names, by its digest, and looks whether img begins with it. layers are those of img.
// No layer is fetched.
func materials(ctx context.Context, upstream *registry.Client, b foreign.Build, layers []v1.Descriptor) []ForeignMaterial {
	ctx, cancel := context.WithTimeout(ctx, maxAsking)
	defer cancel()
	out := []ForeignMaterial{}
	for i, m := range b.Materials {
		got := ForeignMaterial{URI: m.URI, State: MaterialNotAsked}
		repository, platform, sum, ok := m.Image()
		switch {
		case i >= maxMaterials:
			got.Reason = fmt.Sprintf("more than %d are not asked for", maxMaterials)
		case !ok:
			got.Reason = "it is no image with a digest"
		default:
			base, err := manifestOf(ctx, upstream, repository, digest.NewDigestFromEncoded(digest.SHA256, sum), platform)
			got.State, got.Reason = stateOf(err)
			got.Base = err == nil && begins(layers, base)
		}
		out = append(out, got)
	}
	return out
}

func (m ForeignMaterial) because() string {
	switch {
	case m.Base:
		return ": the image begins with its layers"
	case m.Reason != "":
		return ": " + m.Reason
	}
	return ""
}

func stateOf(err error) (MaterialState, string) {
	if err == nil {
		return MaterialThere, ""
	}
	if list := diag.All(err); len(list) > 0 && list[0].Code == "A0513" { // not found
		return MaterialGone, clip(err.Error())
	}
	return MaterialSilent, clip(err.Error())
}

// manifestOf is one platform's manifest of an image, whose bytes have the digest.
func manifestOf(ctx context.Context, c *registry.Client, repository string, d digest.Digest, platform string) (*v1.Manifest, error) {
	repo, err := c.Repository(repository)
	if err != nil {
		return nil, err
	}
	found, err := c.Resolve(ctx, repo.Name()+"@"+d.String())
	if err != nil || found.Parsed.Manifest != nil {
		return found.Parsed.Manifest, err
	}
	for _, child := range found.Parsed.Children() {
		if normal(compare.DescriptorPlatform(child)) != normal(platform) {
			continue
		}
		desc, raw, err := repo.Manifest(ctx, child.Digest)
		if err != nil {
			return nil, err
		}
		parsed, err := artifact.Parse(desc.MediaType, raw)
		if err == nil && parsed.Manifest == nil {
			err = fmt.Errorf("%s is no manifest", child.Digest)
		}
		return parsed.Manifest, err
	}
	return nil, fmt.Errorf("it has nothing for %s", clip(platform))
}

// normal is a platform as BuildKit names it in package URLs: without the variant that is the only one (containerd/platforms, Normalize).
func normal(platform string) string {
	p, err := platforms.Parse(platform)
	if err != nil {
		return platform
	}
	return platforms.Format(platforms.Normalize(p))
}

// begins says whether layers begin with those of base, of which there is at least one.
func begins(layers []v1.Descriptor, base *v1.Manifest) bool {
	same := func(a, b v1.Descriptor) bool { return a.Digest == b.Digest }
	n := len(base.Layers)
	return n > 0 && n <= len(layers) && slices.EqualFunc(layers[:n], base.Layers, same)
}

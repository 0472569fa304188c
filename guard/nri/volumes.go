package nri

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/nri/pkg/api"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// volumePath is where containerd mounts image volumes (internal/cri/server/helpers.go, getImageVolumeHostPath): state folder, image-volumes,
// sandbox, the hexadecimal part of the digest that the image's name led to, and where only a part is mounted its path.
var volumePath = lazyregexp.New(`/image-volumes/([0-9a-f]{64})/([0-9a-f]{64})(?:/|$)`)

// volumes asks for the images that are mounted as volumes. NRI gives their digest, in a path, and no name.
func (g *gate) volumes(ctx context.Context, pod string, c *api.Container, who engine.Who) error {
	for _, m := range c.GetMounts() {
		part := volumePath.FindStringSubmatch(m.GetSource())
		if part == nil || part[1] != pod {
			continue
		}
		d := digest.NewDigestFromEncoded(digest.SHA256, part[2])
		if err := g.volume(ctx, d, m.GetDestination(), who); err != nil {
			return err
		}
	}
	return nil
}

func (g *gate) volume(ctx context.Context, d digest.Digest, at string, who engine.Who) error {
	who.Container, who.Reference = "volume at "+at+" of "+who.Container, ""
	names := g.p.Names.of(d)
	if len(names) == 0 {
		g.p.Metrics.Add(metrics.Unchecked, 1, string(engine.GateStart), "image-volume")
		if !g.p.RefuseVolumes {
			return nil
		}
		q := engine.Question{Name: "an image volume", Digest: d, Who: who}
		a := engine.Unanswered(q, fmt.Errorf("nobody knows its name: nobody on this node asked about it (volume at %.80q)", at))
		return errors.New(a.Denial())
	}
	var last engine.Answer
	for _, name := range names { // evidence counts for the name that it bears, whichever that is
		if last = g.p.Asker.Ask(ctx, engine.Question{Name: name, Digest: d, Who: who}); last.Allow {
			return nil
		}
	}
	return errors.New(last.Denial())
}

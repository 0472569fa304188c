package nri

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/containerd/nri/pkg/api"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/wire"
)

// mount is an image that is mounted as a volume. NRI gives its digest, in a path, and no name.
type mount struct {
	digest digest.Digest // sha256; empty: it has another one
	at     string
}

func mounts(pod string, c *api.Container) (all []mount) {
	for _, m := range c.GetMounts() {
		if sandbox, d, ok := wire.ImageVolume(m.GetSource()); ok && sandbox == pod {
			all = append(all, mount{digest.Digest(d), m.GetDestination()})
		}
	}
	return all
}

// mounted are a container's image volumes for the inventory. One whose name nobody knows is listed without, and is never verified.
func (g *gate) mounted(pod *api.PodSandbox, c *api.Container) (all []agent.Container) {
	for _, m := range mounts(pod.GetId(), c) {
		v := container(pod, c)
		v.ID, v.Of, v.Name, v.Reference = v.ID+" "+m.at, v.ID, volumeOf(m.at, c.GetName()), ""
		v.Image, v.Digest = "", m.digest
		if names := g.p.Names.of(m.digest); len(names) > 0 {
			v.Image, v.Also = names[0], names[1:]
		}
		all = append(all, v)
	}
	return all
}

func volumeOf(at, container string) string { return "volume at " + at + " of " + container }

// volumes asks for the images that are mounted as volumes.
func (g *gate) volumes(ctx context.Context, pod string, c *api.Container, who engine.Who) error {
	for _, m := range mounts(pod, c) {
		if err := g.volume(ctx, m.digest, m.at, who); err != nil {
			return err
		}
	}
	return nil
}

// noDigest stands in words for the digest of a volume that has none of sha256.
const noDigest digest.Digest = "unknown"

// nameless decides about a volume of which nobody knows the name: it passes, and is counted as what nobody checked, or is refused. What the deny list
// names is refused in any case: that needs no name.
func (g *gate) nameless(q engine.Question, at string) error {
	a, denied := engine.Answer{}, false
	if list, ok := g.p.Asker.(engine.Lister); ok {
		a, denied = list.Denied(q)
	}
	switch {
	case denied:
	case g.p.RefuseVolumes && q.Digest == noDigest:
		a = engine.Unanswered(q, fmt.Errorf("it has no sha256 digest, and nobody can be asked about it (volume at %.80q)", at))
	case g.p.RefuseVolumes:
		a = engine.Unanswered(q, fmt.Errorf("nobody knows its name: nobody on this node asked about it (volume at %.80q)", at))
	default:
		g.p.Metrics.Add(metrics.Unchecked, 1, string(engine.GateStart), "image-volume")
		return nil
	}
	g.p.Metrics.Add(metrics.Verify, 1, string(engine.GateStart), "deny", string(a.Class))
	return errors.New(a.Denial())
}

func (g *gate) volume(ctx context.Context, d digest.Digest, at string, who engine.Who) error {
	who.Container, who.Reference = volumeOf(at, who.Container), ""
	names := g.p.Names.of(d)
	if len(names) == 0 {
		d = cmp.Or(d, noDigest)
		return g.nameless(engine.Question{Name: "an image volume", Digest: d, Who: who}, at)
	}
	if len(names) > 1 {
		who.OneOf = len(names)
	}
	qs := make([]engine.Question, len(names))
	for n, name := range names {
		qs[n] = engine.Question{Name: name, Digest: d, Who: who}
	}
	all := g.p.Asker.AskAll(ctx, qs)
	for n, a := range all {
		g.p.Names.learn(qs[n], a)
	}
	if a := engine.UnderNames(all); !a.Allow {
		return errors.New(a.Denial())
	}
	return nil
}

package nri

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/nri/pkg/api"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/wire"
)

// mount is an image that is mounted as a volume. NRI gives its digest, in a path, and no name.
type mount struct {
	digest digest.Digest
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
		is := g.p.Names.of(m.digest)
		if must, may := is.asked(); len(must) > 0 && !is.More {
			v.Image, v.Also, v.Refused = must[0], must[1:], may
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

func (g *gate) volume(ctx context.Context, d digest.Digest, at string, who engine.Who) error {
	who.Container, who.Reference = volumeOf(at, who.Container), ""
	is := g.p.Names.of(d)
	must, may := is.asked()
	switch {
	case is.More:
		return g.unnamed(d, who, fmt.Errorf("it is known by more than %d names on this node, and the runtime does not say which is meant", maxNames))
	case len(must) == 0:
		if g.p.RefuseVolumes {
			return g.unnamed(d, who, fmt.Errorf("nobody knows its name: nobody on this node asked about it (volume at %.80q)", at))
		}
		g.p.Metrics.Add(metrics.Unchecked, 1, string(engine.GateStart), "image-volume")
		return nil
	}
	var qs []engine.Question
	for _, name := range slices.Concat(must, may) {
		qs = append(qs, engine.Question{Name: name, Digest: d, Who: who})
	}
	if a := agent.UnderAll(g.p.Asker.AskAll(ctx, qs), len(must)); !a.Allow {
		return denied(a, must)
	}
	return nil
}

// unnamed refuses a volume that cannot be asked about, and counts that as what it is.
func (g *gate) unnamed(d digest.Digest, who engine.Who, why error) error {
	g.p.Metrics.Add(metrics.Verify, 1, string(engine.GateStart), "deny", string(engine.ClassUndecided))
	return errors.New(engine.Unanswered(engine.Question{Name: "an image volume", Digest: d, Who: who}, why).Denial())
}

// denied says why, and what else the volume may be where it has more than one name.
func denied(a engine.Answer, must []string) error {
	if len(must) < 2 {
		return errors.New(a.Denial())
	}
	return fmt.Errorf("%s\nit is mounted as a volume, of which the runtime tells no name: each by which it came to this node has to be allowed: %s", a.Denial(), strings.Join(must, ", "))
}

package nri

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

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
		a := engine.Unanswered(q, fmt.Errorf("nobody knows its name: it was not pulled since the agent started (volume at %.80q)", at))
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

// The bounds of Names.
const (
	maxDigests = 20_000
	maxNames   = 4 // of one digest
)

// Names remembers by which names images are asked for, because NRI gives none for image volumes. A name proves nothing: it is only what
// evidence is then looked for under. The zero value of a pointer remembers nothing.
type Names struct {
	// Asker answers, where Names stands before it.
	Asker engine.Asker

	mu    sync.Mutex
	known map[digest.Digest][]string
}

// Ask implements engine.Asker.
func (n *Names) Ask(ctx context.Context, q engine.Question) engine.Answer {
	n.add(q)
	return n.Asker.Ask(ctx, q)
}

// AskAll implements engine.Asker.
func (n *Names) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	for _, q := range qs {
		n.add(q)
	}
	return n.Asker.AskAll(ctx, qs)
}

func (n *Names) add(q engine.Question) {
	if n == nil || q.Digest.Validate() != nil || len(q.Name) > 512 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[digest.Digest][]string{}
	}
	names := n.known[q.Digest]
	if slices.Contains(names, q.Name) || len(names) >= maxNames || names == nil && len(n.known) >= maxDigests {
		return
	}
	n.known[q.Digest] = append(slices.Clone(names), q.Name)
}

func (n *Names) of(d digest.Digest) []string {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known[d]
}

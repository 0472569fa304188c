package nri

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/nri/pkg/api"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/wire"
)

// gate has the methods that the stub looks for, each a hook.
type gate struct{ p *Plugin }

// ValidateContainerAdjustment decides whether a container may be made. Its error is the denial: containerd hands it to whoever asked.
func (g *gate) ValidateContainerAdjustment(ctx context.Context, req *api.ValidateContainerAdjustmentRequest) error {
	_, err := g.decide(ctx, req.GetPod(), req.GetContainer())
	return err
}

// StartContainer asks again: what was made yesterday may have been taken back since. This hook fails open, but what it refuses is refused.
func (g *gate) StartContainer(ctx context.Context, pod *api.PodSandbox, c *api.Container) error {
	a, err := g.decide(ctx, pod, c)
	if err == nil {
		g.p.Inventory.Started(container(pod, c), &a, g.mounted(pod, c)...)
	}
	return err
}

// Synchronize learns what runs already, also what started while nobody looked. All of it is judged.
func (g *gate) Synchronize(_ context.Context, pods []*api.PodSandbox, all []*api.Container) ([]*api.ContainerUpdate, error) {
	byID := make(map[string]*api.PodSandbox, len(pods))
	for _, pod := range pods {
		byID[pod.GetId()] = pod
	}
	var running []agent.Container
	for _, c := range all {
		switch c.GetState() {
		case api.ContainerState_CONTAINER_RUNNING, api.ContainerState_CONTAINER_PAUSED:
			pod := byID[c.GetPodSandboxId()]
			running = append(append(running, container(pod, c)), g.mounted(pod, c)...)
		}
	}
	g.p.Inventory.Sync(running)
	return nil, nil
}

// StopContainer is told of containers that end by themselves, too.
func (g *gate) StopContainer(_ context.Context, _ *api.PodSandbox, c *api.Container) ([]*api.ContainerUpdate, error) {
	g.p.Inventory.Stopped(c.GetId())
	return nil, nil
}

// RemoveContainer is for those whose end nobody told.
func (g *gate) RemoveContainer(_ context.Context, _ *api.PodSandbox, c *api.Container) error {
	g.p.Inventory.Stopped(c.GetId())
	return nil
}

// RunPodSandbox counts: of the sandbox's own image there is no more than a reference that others may write.
func (g *gate) RunPodSandbox(context.Context, *api.PodSandbox) error {
	g.p.Metrics.Add(metrics.Unchecked, 1, string(engine.GateStart), "sandbox-image")
	return nil
}

// decide asks for the container's image and for its image volumes.
func (g *gate) decide(ctx context.Context, pod *api.PodSandbox, c *api.Container) (engine.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.p.deadline.Load()))
	defer cancel()
	who := engine.Who{Gate: engine.GateStart, Namespace: pod.GetNamespace(), Workload: workload(pod), Container: c.GetName(), Reference: reference(c)}
	q, err := question(c, who)
	if err != nil {
		a := engine.Unanswered(engine.Question{Name: reference(c), Digest: digest.Digest(c.GetImage().GetDigest())}, err)
		a.Class = engine.ClassUsage
		g.p.Metrics.Add(metrics.Verify, 1, string(engine.GateStart), "deny", string(engine.ClassUsage))
		return a, errors.New(a.Denial())
	}
	a := g.p.Asker.Ask(ctx, q)
	g.p.Names.learn(q, a)
	if !a.Allow {
		return a, errors.New(a.Denial())
	}
	return a, g.volumes(ctx, pod.GetId(), c, who)
}

// imageName is the annotation in which containerd writes the image's name as the pod has it (internal/cri/annotations).
const imageName = "io.kubernetes.cri.image-name"

// reference is the image's name as the pod has it. NRI's own name is any of those that the digest has on the node, the first by their order:
// a second name there would refuse a pod that never meant it. (A client of CRI may write another name over the annotation; pods' authors cannot.)
// Neither is evidence: evidence bears a name and a digest, and both must be these.
func reference(c *api.Container) string {
	if name := c.GetAnnotations()[imageName]; name != "" && !strings.HasPrefix(name, "sha256:") {
		return name
	}
	return c.GetImage().GetName()
}

// question is by the digest that containerd resolved.
func question(c *api.Container, who engine.Who) (engine.Question, error) {
	d := digest.Digest(c.GetImage().GetDigest())
	if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
		return engine.Question{}, errors.New("the runtime does not say which digest it starts (containerd 2.4.0 and later do)")
	}
	name, err := wire.Repository(reference(c))
	if err != nil {
		return engine.Question{}, fmt.Errorf("the runtime names no repository: %w", err)
	}
	return engine.Question{Name: name, Digest: d, Who: who}, nil
}

// container is one of the inventory. What the runtime does not say stays empty, and is never verified.
func container(pod *api.PodSandbox, c *api.Container) agent.Container {
	out := agent.Container{ID: c.GetId(), Name: c.GetName(), Namespace: pod.GetNamespace(), Workload: workload(pod), Reference: reference(c)}
	if q, err := question(c, engine.Who{}); err == nil {
		out.Image, out.Digest = q.Name, q.Digest
	}
	if at := c.GetStartedAt(); at > 0 {
		out.Started = time.Unix(0, at).UTC()
	}
	return out
}

func workload(pod *api.PodSandbox) string {
	if pod.GetName() == "" {
		return ""
	}
	return "Pod/" + pod.GetName()
}

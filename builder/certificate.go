package builder

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// carryCertificate brings the certificate of a builder's proxy to where networked steps look for it (graph.Trust). It must end before
// any of them starts.
func (h *Host) carryCertificate(ctx context.Context, t *twin) error {
	once, err := h.word()
	if err != nil {
		return err
	}
	image, err := h.canaryImage(ctx, "linux/"+hostArch)
	if err != nil {
		return err
	}
	plan, err := graph.Trust(ctx, "linux/"+hostArch, image, []string{"/canary", "trust"}, t.world.hostname, once)
	if err != nil {
		return err
	}
	if _, err := t.client.Solve(ctx, solver.Request{Plan: plan, Store: h.Store.Content()}); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case tooOld(err):
			return t.old()
		case full(err.Error()):
			return builderFull(t.label, err)
		}
		return diag.Errorf("A0702", "asking builder %s for its proxy's certificate: %w%s", t.label, err, said(err)).
			WithHelp("a builder of your own needs --proxy-network and --allow-insecure-entitlement network.host; for ours run `selfsame doctor`")
	}
	return nil
}

// carryCertificates does that on each twin that has a networked step before it.
func (h *Host) carryCertificates(ctx context.Context, r *twinRun) error {
	var eg errgroup.Group
	for i, t := range []*twin{r.a, r.b} {
		wanted := !t.done(len(r.plans)) && slices.ContainsFunc(sortedKeys(r.plans), func(p string) bool { return networkedPlan(r.plans[p][i]) })
		if wanted {
			eg.Go(func() error { return h.carryCertificate(ctx, t) })
		}
	}
	return eg.Wait()
}

// networkedPlan says whether a plan has a step that may make requests.
func networkedPlan(p *graph.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s graph.Step) bool { return s.Networked })
}

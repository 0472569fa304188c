package solver

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"
)

// policy decides about every source and every proxied request: HTTP goes to the input server, images come from the store,
// all else is denied. It is a callback and not a list of rules because a list of 408 rules made a build a third slower
// (DESIGN §4.1).
type policy struct {
	convert func(string) (string, bool)
	own     func(string) bool

	mu     sync.Mutex
	denied []string
}

func (p *policy) provider() session.Attachable { return policysession.NewPolicyProvider(p.check) }

func (p *policy) check(_ context.Context, req *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gwpb.ResolveSourceMetaRequest, error) {
	src := req.GetSource().GetSource()
	id := src.GetIdentifier()
	switch {
	case strings.HasPrefix(id, "oci-layout://"):
		return &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}, nil, nil
	case strings.HasPrefix(id, "http://"), strings.HasPrefix(id, "https://"):
		if p.own != nil && p.own(id) {
			return &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}, nil, nil
		}
		if p.convert == nil {
			break
		}
		if to, ok := p.convert(id); ok {
			return &policysession.DecisionResponse{
				Action: spb.PolicyAction_CONVERT, Update: &pb.SourceOp{Identifier: to, Attrs: src.GetAttrs()},
			}, nil, nil
		}
	}
	p.mu.Lock()
	p.denied = append(p.denied, id)
	p.mu.Unlock()
	return &policysession.DecisionResponse{
		Action:       spb.PolicyAction_DENY,
		DenyMessages: []*policysession.DenyMessage{{Message: "not sealed: " + id}},
	}, nil, nil
}

func (p *policy) denials() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.denied)
}

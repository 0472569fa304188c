package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// Peer is another rebuilder's answer to a challenge of its own, held against what our build gave. Who signed it is not checked here, and by
// it nothing is decided: it tells the owner of a roster whom to ask.
type Peer struct {
	Referrer  digest.Digest `json:"referrer"`
	Rebuilder string        `json:"rebuilder"`
	Agrees    int           `json:"agrees"` // answers that our build gives too
	Wrong     []string      `json:"wrong"`  // places where it gives another
	Missing   []string      `json:"missing"`
}

func (p Peer) line() string {
	switch {
	case len(p.Wrong) > 0:
		return fmt.Sprintf("%s answers otherwise than this build for %s (%s)", clip(p.Rebuilder), list(p.Wrong), p.Referrer)
	case p.Agrees > 0:
		return fmt.Sprintf("%s gives the answers of somebody who has built (%d)", clip(p.Rebuilder), p.Agrees)
	}
	return fmt.Sprintf("%s answered for nothing that this build knows (%s)", clip(p.Rebuilder), p.Referrer)
}

// answer is ours.
func (r *Result) answer(o Options, stages map[string][]digest.Digest) {
	r.Challenge = &provenance.Challenge{Nonce: o.Challenge, Intermediates: map[string]string{}}
	for place, list := range stages {
		r.Challenge.Intermediates[place] = provenance.Answer(o.Challenge, o.RebuilderID, place, list)
	}
}

// maxPeers bounds how many statements of others are held against our build, maxPeer the size of one in bytes, and maxPeerBytes that of all which
// are read to find them: anybody who may write to the repository can attach what calls itself one.
const (
	maxPeers     = 64
	maxPeer      = 4 << 20
	maxPeerBytes = 64 << 20
)

// peers holds the answers of others against our build.
func (a *Auditor) peers(ctx context.Context, got registry.Resolved, stages map[string][]digest.Digest, res *Result) error {
	listing, err := got.Repository.Referrers(ctx, got.Descriptor.Digest, artifact.Budget{})
	if err != nil {
		a.Notice("the statements of others were not looked at: %v", err)
		return nil
	}
	var read int64
	for _, ref := range listing.Referrers {
		if !mayAnswer(ref) {
			continue
		}
		if read += ref.Layers[0].Size; len(res.Peers) == maxPeers || read > maxPeerBytes {
			a.Notice("not all statements of others were looked at: there are more than %d, or they have more than %d MiB", maxPeers, maxPeerBytes>>20)
			return nil
		}
		data, err := got.Repository.Blob(ctx, ref.Layers[0], maxPeer)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			continue
		}
		if p, ok := peer(data, stages); ok {
			p.Referrer = ref.Descriptor.Digest
			res.Peers = append(res.Peers, p)
		}
	}
	return nil
}

// mayAnswer tells whether a referrer is, by what it says of itself, a rebuild statement of a size that is read.
func mayAnswer(ref artifact.Referrer) bool {
	kind, said := ref.Annotations[artifact.AnnotationBundlePredicateType]
	return len(ref.Layers) == 1 && ref.Layers[0].MediaType == signing.BundleMediaType && ref.Layers[0].Size <= maxPeer && (!said || kind == provenance.PredicateRebuild)
}

// peer reads a statement and makes its answers again.
func peer(bundle []byte, stages map[string][]digest.Digest) (Peer, bool) {
	var b struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if json.Unmarshal(bundle, &b) != nil {
		return Peer{}, false
	}
	st, err := provenance.Parse(b.Envelope.Payload)
	if err != nil || st.PredicateType != provenance.PredicateRebuild {
		return Peer{}, false
	}
	r, err := st.Rebuild()
	if err != nil || r.Challenge == nil || len(r.Builders) == 0 {
		return Peer{}, false
	}
	p := Peer{Rebuilder: r.Builders[0].ID, Wrong: []string{}, Missing: []string{}}
	for place, diffIDs := range stages {
		switch given, ok := r.Challenge.Intermediates[place]; {
		case !ok:
			p.Missing = append(p.Missing, clip(place))
		case given == provenance.Answer(r.Challenge.Nonce, p.Rebuilder, place, diffIDs):
			p.Agrees++
		default:
			p.Wrong = append(p.Wrong, clip(place))
		}
	}
	slices.Sort(p.Wrong)
	slices.Sort(p.Missing)
	return p, true
}

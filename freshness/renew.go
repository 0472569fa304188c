//go:build !front

package freshness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// Indexer makes release indexes.
type Indexer struct {
	Signer *signing.Signer
	// Of is whose statements are listed: an index of what anybody attached would let anybody break it.
	Of signing.Trust
	// Identities are those that count of all that Of.Root vouches for.
	Identities []trust.IdentityRule
	Life       time.Duration
	Now        time.Time
	// Before is whose index is followed, beside that of the signer's own key: while the indexer's key is rotated, the one that was. Counts
	// says whose word counts of all whom Before.Root vouches for; nil: everybody's, and must be set where there is a root.
	Before signing.Trust
	Counts Counts
	// Memory is what was seen before; nil: nothing is remembered.
	Memory *Memory
	// Sequence is the least number of the new index: for a first index where verifiers have seen a later one. 0: the next.
	Sequence int64
	// Drop are bundles that an earlier index lists and the new one need not.
	Drop   []digest.Digest
	Budget artifact.Budget
}

// Renew makes the next release index of an image: every statement by one of x.Of that is attached to the image and to its platform
// manifests (subjects, the image first), in from. It is attached to the image in to, which is from unless the index is published
// elsewhere. What the index before it lists and is not there any more is A0566: an index must not be the way to forget. Somebody else who
// renews at the same time makes another index of the same number; each lists what was there, and the next one follows both.
func (x Indexer) Renew(ctx context.Context, from artifact.Source, to artifact.Store, name string, subjects []artifact.Descriptor) (*Index, error) {
	image := subjects[0]
	next := provenance.ReleaseIndex{}
	present := map[digest.Digest]map[digest.Digest]bool{}
	for _, s := range subjects {
		found, err := x.statements(ctx, from, s.Digest)
		if err != nil {
			return nil, err
		}
		present[s.Digest] = map[digest.Digest]bool{}
		for _, f := range found {
			present[s.Digest][f.Bundle] = true
		}
		next.Statements = append(next.Statements, found...)
	}
	if len(next.Statements) == 0 {
		return nil, diag.Errorf(codeMissing, "nothing that the keys given signed is attached to %s", image.Digest).
			WithWhy("a release index of nothing would excuse that there is nothing").WithHelp("pass the key that signed the evidence with --signed-by")
	}
	series := Seen{Kind: provenance.PredicateReleaseIndex, Name: name, About: image.Digest}
	if to.Name() != from.Name() {
		series.Owner = to.Name()
	}
	sequence, err := x.follow(ctx, to, series, present)
	if err != nil {
		return nil, err
	}
	next.Edition = provenance.NewEdition(max(sequence, x.Sequence), x.Now, x.Life)
	st, err := provenance.ReleaseIndexStatement(name, image, next)
	if err != nil {
		return nil, err
	}
	bundle, err := signing.Sign(ctx, x.Signer, st.Payload)
	if err != nil {
		return nil, err
	}
	if _, _, err := x.own().open("the new release index", bundle); err != nil { // who renews it next would not find it
		return nil, err
	}
	if _, err := to.Attach(ctx, image, artifact.Bundle(signing.BundleMediaType, bundle, st.PredicateType)); err != nil {
		return nil, err
	}
	return &Index{
		Edition: Edition{Edition: next.Edition, Statement: digest.FromBytes(st.Payload)}, Name: name,
		Statements: next.Statements, Bundle: digest.FromBytes(bundle),
	}, nil
}

// own is whose indexes are followed: the signer's, and those of Before.
func (x Indexer) own() Demand {
	own := Demand{Trust: x.Before, Counts: x.Counts}
	if own.Counts == nil {
		own.Trust.Root = nil // it vouches for anybody
	}
	if v := x.Signer.Verifier(); v != nil {
		own.Trust.Keys = append(slices.Clone(own.Trust.Keys), v)
	}
	return own
}

// follow gives the number of the next index, after the newest that is there and the highest that was seen.
func (x Indexer) follow(ctx context.Context, to artifact.Source, series Seen, present map[digest.Digest]map[digest.Digest]bool) (int64, error) {
	before, _, err := newestIndex(ctx, IndexQuestion{Source: to, Image: series.About, Name: series.Name, Budget: x.Budget}, x.own())
	if err != nil {
		return 0, err
	}
	sequence := int64(1)
	if before != nil {
		sequence = before.Sequence + 1
		gone := slices.DeleteFunc(before.Gone(present), func(s provenance.IndexedStatement) bool { return slices.Contains(x.Drop, s.Bundle) })
		if len(gone) > 0 {
			return 0, diag.Errorf(codeMissing, "%d statement(s) that index %d lists are gone, first %s about %s (%s)",
				len(gone), before.Sequence, gone[0].Bundle, gone[0].Subject, gone[0].PredicateType).
				WithWhy("somebody deleted them, or the key that signed them was not given with --signed-by").
				WithHelp("put them back; or leave them out on purpose with --drop " + gone[0].Bundle.String())
		}
	}
	if x.Memory != nil {
		seen, known, err := x.Memory.Recall(series)
		if err != nil {
			return 0, err
		}
		if known && seen.Sequence >= sequence && x.Sequence <= seen.Sequence {
			return 0, stale(fmt.Sprintf("the release index of %s", series.About), fmt.Errorf("the one before has sequence %d, and %d was seen", sequence-1, seen.Sequence))
		}
	}
	return sequence, nil
}

// statements are those of one manifest that hold. One that cannot be read for want of an answer fails: it would be left out for ever.
func (x Indexer) statements(ctx context.Context, from artifact.Source, subject digest.Digest) ([]provenance.IndexedStatement, error) {
	listing, err := from.Referrers(ctx, subject, x.Budget)
	if err != nil {
		return nil, fmt.Errorf("listing what is attached to %s: %w", subject, err)
	}
	var out []provenance.IndexedStatement
	left := maxRead
	for _, r := range listing.Referrers {
		if len(r.Layers) != 1 || r.Layers[0].MediaType != signing.BundleMediaType || r.Layers[0].Size > signing.MaxBundle {
			continue
		}
		if left -= r.Layers[0].Size; left < 0 {
			return nil, fmt.Errorf("reading what is attached to %s: %w", subject, errTooMuch)
		}
		raw, err := from.Blob(ctx, r.Layers[0], signing.MaxBundle)
		if err != nil {
			return nil, fmt.Errorf("reading what is attached to %s: %w", subject, err)
		}
		s, err := x.statement(raw, subject)
		if err == nil && s.PredicateType != provenance.PredicateReleaseIndex {
			entry := provenance.IndexedStatement{Bundle: r.Layers[0].Digest, Subject: subject, PredicateType: s.PredicateType}
			if !slices.Contains(out, entry) {
				out = append(out, entry)
			}
		}
	}
	return out, nil
}

func (x Indexer) statement(raw []byte, subject digest.Digest) (provenance.Statement, error) {
	signed, err := x.Of.Verify(raw)
	if err != nil {
		return provenance.Statement{}, err
	}
	if id := signed.By.Identity; id != (trust.Identity{}) && !slices.ContainsFunc(x.Identities, func(r trust.IdentityRule) bool { return r.Matches(id) }) {
		return provenance.Statement{}, fmt.Errorf("%s is not among those whose statements are listed", signed.By)
	}
	s, err := signed.Statement()
	if err == nil && (len(s.Subject) != 1 || s.Subject[0].SHA256() != subject) {
		err = errors.New("it is about another manifest")
	}
	return s, err
}

//go:build !front

package freshness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
)

// PolicyPublisher publishes signed policies.
type PolicyPublisher struct {
	Place  Place // of a policy: OpenPolicyPlace
	Signer *signing.Signer
	// Trust is whose policy may be replaced: at least the signer's own key.
	Trust signing.Trust
	// Counts says who counts of all whom Trust.Root vouches for; nil: everybody. It must be set where there is a root, and must let the signer
	// count: a policy is not published that its next writer would not take.
	Counts Counts
	// Life is how long the policy counts; a policy that expires sooner counts until then.
	Life time.Duration
	// Memory is what was seen before; nil: nothing is remembered.
	Memory *Memory
	// Now and Sleep are the clock's.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// PublishedPolicy is a policy as it was published.
type PublishedPolicy struct {
	Pinned string // repository@sha256:..., or the file
	Name   string
	provenance.Edition
}

// Push signs the bytes of a policy's file and publishes them. The policy's version is the number by which verifiers know the newest, so it
// must be higher than that of the one that is there, and of any that this machine has seen (A0651); publishing the very same again while it
// counts changes nothing. The error is a diag.List of package policy where content is no policy. A0561: the signer does not count. A0652:
// somebody else published another one at the same time.
func (p PolicyPublisher) Push(ctx context.Context, path, name string, content []byte) (PublishedPolicy, error) {
	read, err := policy.Parse(path, content)
	if err != nil {
		return PublishedPolicy{}, err
	}
	if err := read.Check(p.Now()).Err(); err != nil {
		return PublishedPolicy{}, err // it is over
	}
	if n := p.Place.Name(); n != "" {
		name = n
	}
	version := int64(read.Edition().Version)
	if have, err := p.follow(ctx, name, version, content); err != nil || have.Pinned != "" {
		return have, err
	}
	edition := provenance.NewEdition(version, p.Now(), p.Life)
	if end := read.Expires(); !end.IsZero() && end.Before(edition.Expires) {
		edition.Expires = end.UTC().Truncate(time.Second)
	}
	s, err := provenance.PolicyStatement(name, provenance.PolicyDocument{Edition: edition, Content: content})
	if err != nil {
		return PublishedPolicy{}, err
	}
	bundle, err := signing.Sign(ctx, p.Signer, s.Payload)
	if err != nil {
		return PublishedPolicy{}, err
	}
	if _, _, err := (Demand{Trust: p.Trust, Counts: p.Counts}).open("the new policy", bundle); err != nil { // whom a token names is known only now
		return PublishedPolicy{}, err
	}
	out := PublishedPolicy{Name: name, Edition: edition}
	if out.Pinned, err = p.Place.Write(ctx, bundle); err != nil {
		return out, err
	}
	return out, p.stands(ctx, bundle, Seen{
		Kind: provenance.PredicatePolicy, Name: name, Sequence: version, Statement: digest.FromBytes(s.Payload), Issued: edition.Issued,
	})
}

// follow compares with what is there and what was seen. What it gives is pinned where the very same is published already.
func (p PolicyPublisher) follow(ctx context.Context, name string, version int64, content []byte) (PublishedPolicy, error) {
	bundle, pinned, found, err := p.Place.Read(ctx)
	if err != nil {
		return PublishedPolicy{}, fmt.Errorf("reading the policy: %w", err)
	}
	if found {
		_, now, err := Demand{Trust: p.Trust, Counts: p.Counts}.readPolicy("the policy "+p.Place.String(), p.Place, bundle)
		switch {
		case err != nil:
			return PublishedPolicy{}, err
		case now.Sequence == version && bytes.Equal(now.Content, content) && p.Now().Before(now.Edition.Expires):
			return PublishedPolicy{Pinned: pinned, Name: now.Name, Edition: now.Edition.Edition}, nil
		case now.Sequence >= version:
			return PublishedPolicy{}, tooLow(p.Place, version, now.Sequence)
		}
	}
	if p.Memory == nil {
		return PublishedPolicy{}, nil
	}
	seen, known, err := p.Memory.Recall(Seen{Kind: provenance.PredicatePolicy, Name: name})
	if err == nil && known && seen.Sequence >= version {
		err = tooLow(p.Place, version, seen.Sequence)
	}
	return PublishedPolicy{}, err
}

func tooLow(p Place, version, have int64) error {
	return diag.Errorf(codePolicyVersion, "version %d of the policy is not published at `%s`: version %d was", version, p, have).
		WithWhy("verifiers refuse a version that is not higher than the one they have seen").
		WithHelp(fmt.Sprintf("raise `version:` in the policy to %d", have+1))
}

// stands looks again after a while, as Publisher does: registries have no conditional write.
func (p PolicyPublisher) stands(ctx context.Context, bundle []byte, s Seen) error {
	if _, registry := p.Place.(tagged); registry {
		if err := p.Sleep(ctx, calmAtLeast); err != nil {
			return err
		}
		now, _, _, err := p.Place.Read(ctx)
		if err != nil {
			return fmt.Errorf("reading the policy again: %w", err)
		}
		if !bytes.Equal(now, bundle) {
			return diag.Errorf(codePolicyLost, "the policy at `%s` is another one than was just published", p.Place).
				WithWhy("somebody else published one at the same time, and verifiers may have seen either").
				WithHelp("agree on one, raise its `version:` and publish that")
		}
	}
	if p.Memory == nil {
		return nil
	}
	if _, _, err := p.Memory.Advance(s); err != nil && !errors.Is(err, errOlder) && !errors.Is(err, errForked) {
		return err
	}
	return nil
}

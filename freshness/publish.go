//go:build !front

package freshness

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
)

// Registries have no conditional write, so two operators who change one list at the same time could each replace the other's. As with the
// list of referrers (registry, merge.go), a writer stays until its change has stood for a while that is several times longer than the
// slowest read-and-write it saw, and makes it again on top of what is there when it is gone. What one operator writes is so never lost for
// good, and the sequence number only grows.
const (
	calmAtLeast = 750 * time.Millisecond
	calmFactor  = 5
	maxRounds   = 60
)

// Publisher changes a deny list.
type Publisher struct {
	Place  Place
	Signer *signing.Signer
	// Trust is whose list may be built upon: at least the signer's own key.
	Trust signing.Trust
	// Counts says who counts of all whom Trust.Root vouches for; nil: everybody. It must be set where there is a root, and must let the
	// signer count: a list is not published that its next writer would not take.
	Counts Counts
	// Life is how long the new edition counts.
	Life time.Duration
	// Memory is what was seen before; nil: nothing is remembered.
	Memory *Memory
	// Now and Sleep are the clock's. Jitter gives numbers in [0,1) that keep writers apart.
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Jitter func() float64
}

// Published is a list as it was written.
type Published struct {
	Pinned string // repository@sha256:..., or the file
	Name   string
	provenance.DenyList

	statement digest.Digest // of the payload's bytes
}

// Create publishes the first, empty list under a name; A0563 where there is a list already, or was one by this machine's memory.
func (p Publisher) Create(ctx context.Context, name string) (Published, error) {
	if n := p.Place.Name(); n != "" {
		name = n
	}
	_, _, found, err := p.Place.Read(ctx)
	if err != nil {
		return Published{}, err
	}
	known := false
	if p.Memory != nil {
		if _, known, err = p.Memory.Recall(Seen{Kind: provenance.PredicateDenyList, Name: name}); err != nil {
			return Published{}, err
		}
	}
	if found || known {
		return Published{}, diag.Errorf(codeLost, "there is a deny list at `%s` already, or there was one", p.Place).
			WithWhy("verifiers that have seen a list refuse one whose number begins again").
			WithHelp("selfsame deny add WHAT --reason TEXT --list " + p.Place.String() + " --key KEY")
	}
	first, err := p.write(ctx, name, provenance.DenyList{Edition: provenance.NewEdition(1, p.Now(), p.Life)})
	if err != nil {
		return first, err
	}
	return first, p.remember(first)
}

// remember keeps the number of a list that stands, so that this machine notices when an older one is served. Two operators who share a
// memory may each have seen the other's list of one number: the next one follows both.
func (p Publisher) remember(l Published) error {
	if p.Memory == nil {
		return nil
	}
	_, _, err := p.Memory.Advance(Seen{
		Kind: provenance.PredicateDenyList, Name: l.Name, Sequence: l.Sequence, Statement: l.statement, Issued: l.Issued,
	})
	if errors.Is(err, errOlder) || errors.Is(err, errForked) {
		return nil
	}
	return err
}

// Change makes a list of the entries that change gives for those that are there, publishes it as the next edition, and returns when it
// stands. change is called again when somebody else wrote in between; it must give the same for what it gave. Entries that are there
// already need no new edition, unless renew says so.
func (p Publisher) Change(ctx context.Context, renew bool, change func([]provenance.DenyEntry) []provenance.DenyEntry) (Published, error) {
	if f, ok := p.Place.(file); ok {
		unlock, err := f.lock()
		if err != nil {
			return Published{}, fmt.Errorf("locking the deny list: %w", err)
		}
		defer unlock()
	}
	var out Published
	var slowest, stood time.Duration
	for range maxRounds {
		start := p.Now()
		now, err := p.read(ctx)
		if err != nil {
			return out, err
		}
		want := change(slices.Clone(now.Entries))
		if same(want, now.Entries) && !renew {
			out = now
			if _, registry := p.Place.(tagged); !registry || stood >= max(calmAtLeast, calmFactor*slowest) || slowest == 0 {
				return out, p.remember(now)
			}
		} else {
			next := provenance.DenyList{Edition: provenance.NewEdition(now.Sequence+1, p.Now(), p.Life), Entries: want}
			if out, err = p.write(ctx, now.Name, next); err != nil {
				return out, err
			}
			renew, stood = false, 0
			slowest = max(slowest, p.Now().Sub(start), time.Millisecond)
		}
		pause := max(calmAtLeast, calmFactor*slowest) / 3
		pause = pause/2 + time.Duration(p.Jitter()*float64(pause))
		if err := p.Sleep(ctx, pause); err != nil {
			return out, err
		}
		stood += pause
	}
	return out, diag.Errorf(codeLost, "the deny list at `%s` was changed by others again and again", p.Place).
		WithWhy("the entry may not be in the list").WithHelp("selfsame deny show " + p.Place.String())
}

func same(a, b []provenance.DenyEntry) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

// read gives the list that is there, whether it has ended or not: renewing one that has is how it comes back. What was remembered still
// counts, or a registry could have its operators sign an old list anew. A list of the same number as one that was seen is what two
// operators at once leave behind, and is built upon.
func (p Publisher) read(ctx context.Context) (Published, error) {
	bundle, pinned, found, err := p.Place.Read(ctx)
	if err != nil {
		return Published{}, err
	}
	if !found {
		return Published{}, noList(p.Place)
	}
	d := Demand{Trust: p.Trust, Counts: p.Counts}
	signed, list, name, err := d.readDenyList("the deny list "+p.Place.String(), p.Place, bundle)
	if err != nil {
		return Published{}, err
	}
	if p.Memory != nil {
		seen, known, err := p.Memory.Recall(Seen{Kind: provenance.PredicateDenyList, Name: name})
		if err != nil {
			return Published{}, err
		}
		if known && list.Sequence < seen.Sequence {
			return Published{}, stale("the deny list "+p.Place.String(), fmt.Errorf("sequence %d is %w, %d", list.Sequence, errOlder, seen.Sequence))
		}
	}
	return Published{Pinned: pinned, Name: name, DenyList: list, statement: digest.FromBytes(signed.Payload)}, nil
}

func (p Publisher) write(ctx context.Context, name string, l provenance.DenyList) (Published, error) {
	s, err := provenance.DenyListStatement(name, l)
	if err != nil {
		return Published{}, err
	}
	bundle, err := signing.Sign(ctx, p.Signer, s.Payload)
	if err != nil {
		return Published{}, err
	}
	if _, _, err := (Demand{Trust: p.Trust, Counts: p.Counts}).open("the new deny list", bundle); err != nil {
		return Published{}, err
	}
	pinned, err := p.Place.Write(ctx, bundle)
	if err != nil {
		return Published{}, err
	}
	return Published{Pinned: pinned, Name: name, DenyList: l, statement: digest.FromBytes(s.Payload)}, nil
}

// Current is the list that a change would build upon.
func (p Publisher) Current(ctx context.Context) (Published, error) { return p.read(ctx) }

// Unchecked reads the list at a place, whoever signed it and whenever.
func Unchecked(ctx context.Context, p Place) (Published, error) {
	bundle, pinned, found, err := p.Read(ctx)
	if err != nil {
		return Published{}, err
	}
	if !found {
		return Published{}, noList(p)
	}
	payload, err := signing.Claimed(bundle)
	if err != nil {
		return Published{}, err
	}
	s, err := provenance.Parse(payload)
	if err != nil {
		return Published{}, invalid("the deny list "+p.String(), err)
	}
	list, name, err := s.DenyList()
	if err != nil {
		return Published{}, invalid("the deny list "+p.String(), err)
	}
	return Published{Pinned: pinned, Name: name, DenyList: list}, nil
}

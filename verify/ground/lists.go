package ground

import (
	"context"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// Lists are which lists are asked beside those that trust file and roster name.
type Lists struct {
	Deny        string // a reference, or the path of a file
	DenyBy      Speakers
	DenyMinimum int64
	DenyMaxAge  time.Duration

	Index        string // the repository; empty: the image's own
	IndexBy      Speakers
	IndexMinimum int64

	// seen are the numbers of the deny lists that were in force in this process, by place: also where nothing outlives it, none becomes older.
	seen map[string]int64
	// from opens the deny list; nil: freshness.OpenDenyList.
	from func(freshness.Place, freshness.Demand) (*freshness.DenyList, error)
}

// Speakers are who signs a list, where the trust file does not say so: keys, and identities that the root by which images are verified
// vouches for.
type Speakers struct {
	Keys       []*signing.Verifier
	Identities []trust.IdentityRule
}

func (s Speakers) named() bool { return len(s.Keys)+len(s.Identities) > 0 }

// speak lets them count in d, and nobody else: the root alone lets in nobody. With an error, d is as it was.
func (s Speakers) speak(d *freshness.Demand, root *signing.Root, rootless error) error {
	if len(s.Identities) == 0 {
		d.Trust.Keys = s.Keys
		return nil
	}
	if root == nil {
		return rootless
	}
	d.Trust.Keys, d.Trust.Root = s.Keys, root
	d.Counts = func(by trust.Party, _ time.Time, _ string) bool {
		return by.Identity == (trust.Identity{}) || slices.ContainsFunc(s.Identities, func(r trust.IdentityRule) bool { return r.Matches(by.Identity) })
	}
	return nil
}

// lists opens the deny list, and says which release indexes are demanded: by the setup, by the trust file, by the roster.
func (s Setup) lists(ctx context.Context, o *verify.Options) error {
	if s.Lists.Deny != "" && o.DenyAt != nil || s.Lists.IndexBy.named() && o.IndexAt != nil {
		return ErrTwoLists
	}
	if s.Lists.Deny == "" && !s.Lists.IndexBy.named() && o.DenyAt == nil && o.IndexAt == nil && o.Roster == nil {
		return nil
	}
	d := freshness.Demand{Now: o.Now}
	if s.Memory != nil {
		var err error
		if d.Memory, err = s.Memory(); err != nil {
			return err
		}
	}
	var err error
	if o.Deny, err = s.denyList(ctx, d, o); err != nil {
		return err
	}
	if o.Index, err = s.releaseIndex(d, o); err != nil {
		return err
	}
	return s.ownerIndexes(d, o)
}

// denyList opens the deny list; nil: none is asked.
func (s Setup) denyList(ctx context.Context, d freshness.Demand, o *verify.Options) (*freshness.DenyList, error) {
	at := s.Lists.Deny
	switch {
	case at != "":
		if err := s.Lists.DenyBy.speak(&d, o.Trust.Root, ErrDenyRootless); err != nil {
			return nil, err
		}
		d.Minimum, d.MaxAge = s.Lists.DenyMinimum, s.Lists.DenyMaxAge
	case o.DenyAt != nil:
		at = o.DenyAt.List
		d.Trust, d.Counts, d.Minimum, d.MaxAge = o.Trust, o.Speaks(trust.Revoker), o.DenyAt.Minimum, o.DenyAt.MaxAge
	default:
		return nil, nil
	}
	place, err := freshness.OpenPlace(s.Client, at)
	if err != nil {
		return nil, err
	}
	d.Minimum = max(d.Minimum, s.Lists.seen[place.String()])
	if s.Lists.from != nil {
		return s.Lists.from(place, d)
	}
	return freshness.OpenDenyList(ctx, place, d)
}

// releaseIndex says which release index is demanded; nil: none.
func (s Setup) releaseIndex(d freshness.Demand, o *verify.Options) (*verify.IndexOptions, error) {
	in := s.Lists.Index
	switch {
	case s.Lists.IndexBy.named():
		if err := s.Lists.IndexBy.speak(&d, o.Trust.Root, ErrIndexRootless); err != nil {
			return nil, err
		}
		d.Minimum = s.Lists.IndexMinimum
	case o.IndexAt != nil:
		in = o.IndexAt.In
		d.Trust, d.Counts, d.Minimum = o.Trust, o.Speaks(trust.Indexer), o.IndexAt.Minimum
	default:
		return nil, nil
	}
	x := &verify.IndexOptions{Demand: d}
	if in != "" {
		source, err := s.Client.Repository(in)
		if err != nil {
			return nil, err
		}
		x.Source = source
	}
	return x, nil
}

// ownerIndexes demands what owners of the roster publish in repositories of their own.
func (s Setup) ownerIndexes(d freshness.Demand, o *verify.Options) error {
	if o.Roster == nil {
		return nil
	}
	for _, owner := range o.Roster.Owners {
		if owner.Index == nil {
			continue
		}
		source, err := s.Client.Repository(owner.Index.In)
		if err != nil {
			return err
		}
		d.Trust, d.Minimum = signing.Trust{}, owner.Index.Minimum
		for _, k := range o.Trust.Keys {
			if slices.Contains(owner.Index.Keys, k.Key()) {
				d.Trust.Keys = append(d.Trust.Keys, k)
			}
		}
		o.OwnerIndexes = append(o.OwnerIndexes, verify.OwnerIndex{Owner: owner.Name, IndexOptions: verify.IndexOptions{Source: source, Demand: d}})
	}
	return nil
}

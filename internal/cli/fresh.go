package cli

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// freshFlags say which lists are asked.
type freshFlags struct {
	denyList    string
	deny        listSigners
	denyMinimum int64
	denyMaxAge  life
	indexers    listSigners
	index       string
	indexMin    int64
	stateless   bool
}

func (f *freshFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.denyList, "deny-list", "", "deny list that is asked first: a reference, or a file")
	f.deny.registerBeside(fl, "deny", "whoever must have signed the deny list; none that signs images")
	fl.Int64Var(&f.denyMinimum, "deny-minimum", 0, "least sequence number of the deny list that counts")
	fl.Var(&f.denyMaxAge, "deny-max-age", "how long ago the deny list may have been issued (default: until it ends)")
	f.indexers.registerBeside(fl, "release-index", "whoever must have signed the image's release index, which is demanded with all that it lists")
	fl.StringVar(&f.index, "release-index", "", "repository that holds the release index (default: the image's)")
	fl.Int64Var(&f.indexMin, "release-index-minimum", 0, "least sequence number of the release index that counts")
	fl.BoolVar(&f.stateless, "stateless", false, "remember no sequence numbers; the verdict says so")
}

// freshness reads the deny list, once for all images, and says which indexes are demanded: by flags, by the trust file, by the roster.
func (a *app) freshness(ctx context.Context, c *registry.Client, f freshFlags, o *verify.Options) error {
	switch {
	case (f.denyList == "") == f.deny.named():
		return usage("--deny-list and --deny-key (or --deny-identity) go together: a list that nobody signed takes nothing back")
	case f.index != "" && !f.indexers.named():
		return usage("--release-index needs --release-index-key or --release-index-identity")
	case f.denyList != "" && o.DenyAt != nil, f.indexers.named() && o.IndexAt != nil:
		return usage("the trust file names this list already; leave the flag out")
	}
	if f.denyList == "" && !f.indexers.named() && o.DenyAt == nil && o.IndexAt == nil && o.Roster == nil {
		return nil
	}
	memory, err := a.memory(f.stateless)
	if err != nil {
		return err
	}
	base := freshness.Demand{Now: time.Now(), Memory: memory}
	if o.Deny, err = a.denyList(ctx, c, f, base, o); err != nil {
		return err
	}
	if o.Index, err = a.releaseIndex(ctx, c, f, base, o); err != nil {
		return err
	}
	return ownerIndexes(c, base, o)
}

// denyList opens the deny list; nil: none is asked.
func (a *app) denyList(ctx context.Context, c *registry.Client, f freshFlags, d freshness.Demand, o *verify.Options) (*freshness.DenyList, error) {
	at := f.denyList
	switch {
	case at != "":
		var err error
		if d.Trust, d.Counts, err = f.deny.against(ctx, a, o.Trust.Root); err != nil {
			return nil, err
		}
		d.Minimum, d.MaxAge = f.denyMinimum, time.Duration(f.denyMaxAge)
	case o.DenyAt != nil:
		at = o.DenyAt.List
		d.Trust, d.Counts, d.Minimum, d.MaxAge = o.Trust, o.Speaks(trust.Revoker), o.DenyAt.Minimum, o.DenyAt.MaxAge
	default:
		return nil, nil
	}
	place, err := freshness.OpenPlace(c, at)
	if err != nil {
		return nil, err
	}
	return freshness.OpenDenyList(ctx, place, d)
}

// releaseIndex says which release index is demanded; nil: none.
func (a *app) releaseIndex(ctx context.Context, c *registry.Client, f freshFlags, d freshness.Demand, o *verify.Options) (*verify.IndexOptions, error) {
	in := f.index
	switch {
	case f.indexers.named():
		var err error
		if d.Trust, d.Counts, err = f.indexers.against(ctx, a, o.Trust.Root); err != nil {
			return nil, err
		}
		d.Minimum = f.indexMin
	case o.IndexAt != nil:
		in = o.IndexAt.In
		d.Trust, d.Counts, d.Minimum = o.Trust, o.Speaks(trust.Indexer), o.IndexAt.Minimum
	default:
		return nil, nil
	}
	x := &verify.IndexOptions{Demand: d}
	if in != "" {
		source, err := c.Repository(in)
		if err != nil {
			return nil, err
		}
		x.Source = source
	}
	return x, nil
}

// ownerIndexes demands what owners of the roster publish in repositories of their own.
func ownerIndexes(c *registry.Client, d freshness.Demand, o *verify.Options) error {
	if o.Roster == nil {
		return nil
	}
	for _, owner := range o.Roster.Owners {
		if owner.Index == nil {
			continue
		}
		source, err := c.Repository(owner.Index.In)
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

// memory is what was seen before of lists; nil for a verifier that is to remember nothing.
func (a *app) memory(stateless bool) (*freshness.Memory, error) {
	if stateless {
		return nil, nil
	}
	state, err := a.stateDir()
	return &freshness.Memory{Dir: filepath.Join(state, "seen")}, err
}

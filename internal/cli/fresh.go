package cli

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

// freshFlags say which lists are asked.
type freshFlags struct {
	denyList    string
	denyKeys    []string
	denyMinimum int64
	denyMaxAge  life
	indexKeys   []string
	index       string
	indexMin    int64
	stateless   bool
}

func (f *freshFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.denyList, "deny-list", "", "deny list that is asked first: a reference, or a file")
	fl.StringSliceVar(&f.denyKeys, "deny-key", nil, "public key that must have signed the deny list; none that signs images")
	fl.Int64Var(&f.denyMinimum, "deny-minimum", 0, "least sequence number of the deny list that counts")
	fl.Var(&f.denyMaxAge, "deny-max-age", "how long ago the deny list may have been issued (default: until it ends)")
	fl.StringSliceVar(&f.indexKeys, "release-index-key", nil, "demand a release index that this public key signed, and all that it lists")
	fl.StringVar(&f.index, "release-index", "", "repository that holds the release index (default: the image's)")
	fl.Int64Var(&f.indexMin, "release-index-minimum", 0, "least sequence number of the release index that counts")
	fl.BoolVar(&f.stateless, "stateless", false, "remember no sequence numbers; the verdict says so")
}

// freshness reads the deny list, once for all images, and says which index is demanded.
func (a *app) freshness(ctx context.Context, c *registry.Client, f freshFlags, o *verify.Options) error {
	switch {
	case f.denyList == "" && len(f.denyKeys) > 0, f.denyList != "" && len(f.denyKeys) == 0:
		return usage("--deny-list and --deny-key go together: a list that nobody signed takes nothing back")
	case f.index != "" && len(f.indexKeys) == 0:
		return usage("--release-index needs --release-index-key")
	case f.denyList == "" && len(f.indexKeys) == 0:
		return nil
	}
	memory, err := a.memory(f.stateless)
	if err != nil {
		return err
	}
	demand := func(keys []string, minimum int64) (freshness.Demand, error) {
		v, err := a.verifiers(ctx, keys)
		return freshness.Demand{Trust: signing.Trust{Keys: v}, Now: time.Now(), Minimum: minimum, Memory: memory}, err
	}
	if f.denyList != "" {
		d, err := demand(f.denyKeys, f.denyMinimum)
		if err != nil {
			return err
		}
		d.MaxAge = time.Duration(f.denyMaxAge)
		place, err := freshness.OpenPlace(c, f.denyList)
		if err != nil {
			return err
		}
		if o.Deny, err = freshness.OpenDenyList(ctx, place, d); err != nil {
			return err
		}
	}
	if len(f.indexKeys) > 0 {
		d, err := demand(f.indexKeys, f.indexMin)
		if err != nil {
			return err
		}
		o.Index = &verify.IndexOptions{Demand: d}
		if f.index != "" {
			var source artifact.Source
			if source, err = c.Repository(f.index); err != nil {
				return err
			}
			o.Index.Source = source
		}
	}
	return nil
}

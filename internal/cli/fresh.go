package cli

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/verify/ground"
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

// lists are what the flags say; trust file and roster may name more.
func (a *app) lists(ctx context.Context, f freshFlags) (ground.Lists, error) {
	switch {
	case f.denyList == "" && len(f.denyKeys) > 0, f.denyList != "" && len(f.denyKeys) == 0:
		return ground.Lists{}, usage("--deny-list and --deny-key go together: a list that nobody signed takes nothing back")
	case f.index != "" && len(f.indexKeys) == 0:
		return ground.Lists{}, usage("--release-index needs --release-index-key")
	}
	l := ground.Lists{
		Deny: f.denyList, DenyMinimum: f.denyMinimum, DenyMaxAge: time.Duration(f.denyMaxAge), Index: f.index, IndexMinimum: f.indexMin,
	}
	var err error
	if l.DenyKeys, err = a.verifiers(ctx, f.denyKeys); err != nil {
		return l, err
	}
	l.IndexKeys, err = a.verifiers(ctx, f.indexKeys)
	return l, err
}

package cli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/verify/ground"
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
	rehearsal   bool // what is seen is not remembered
}

func (f *freshFlags) register(fl *pflag.FlagSet) {
	f.registerDeny(fl)
	f.indexers.registerBeside(fl, "release-index", "whoever must have signed the image's release index, which is demanded with all that it lists")
	fl.StringVar(&f.index, "release-index", "", "repository that holds the release index (default: the image's)")
	fl.Int64Var(&f.indexMin, "release-index-minimum", 0, "least sequence number of the release index that counts")
}

// registerDeny registers those of the deny list alone.
func (f *freshFlags) registerDeny(fl *pflag.FlagSet) {
	fl.StringVar(&f.denyList, "deny-list", "", "deny list that is asked first: a reference, or a file")
	f.deny.registerBeside(fl, "deny", "whoever must have signed the deny list, and signs no images")
	fl.Int64Var(&f.denyMinimum, "deny-minimum", 0, "least sequence number of the deny list that counts")
	fl.Var(&f.denyMaxAge, "deny-max-age", "greatest age of the deny list; 0s: it counts until it ends")
	fl.BoolVar(&f.stateless, "stateless", false, "remember no sequence numbers; the verdict says so")
}

// lists are what the flags say; trust file and roster may name more.
func (a *app) lists(ctx context.Context, f freshFlags) (ground.Lists, error) {
	switch {
	case (f.denyList == "") == f.deny.named():
		return ground.Lists{}, usage("--deny-list and --deny-key (or --deny-identity) go together: a list that nobody signed takes nothing back")
	case f.index != "" && !f.indexers.named():
		return ground.Lists{}, usage("--release-index needs --release-index-key or --release-index-identity")
	}
	l := ground.Lists{
		Deny: f.denyList, DenyMinimum: f.denyMinimum, DenyMaxAge: time.Duration(f.denyMaxAge), Index: f.index, IndexMinimum: f.indexMin,
	}
	var err error
	if l.DenyBy, err = f.deny.speakers(ctx, a); err != nil {
		return l, err
	}
	l.IndexBy, err = f.indexers.speakers(ctx, a)
	return l, err
}

// memory is what was seen before of lists; nil for a verifier that is to remember nothing.
func (a *app) memory(stateless bool) (*freshness.Memory, error) {
	if stateless {
		return nil, nil
	}
	state, err := a.stateDir()
	return &freshness.Memory{Dir: filepath.Join(state, "seen")}, err
}

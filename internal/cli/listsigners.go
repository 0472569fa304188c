package cli

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// listSigners say who signs lists of which only the newest counts: by keys, and by identities against a root.
type listSigners struct {
	keys []string
	identityFlags
}

// register defines --KIND-key, --KIND-identity, --KIND-identity-regexp, --KIND-issuer and --trusted-root; who says whose they are.
func (l *listSigners) register(f *pflag.FlagSet, kind, who string) {
	l.registerBeside(f, kind, who)
	f.StringVar(&l.root, "trusted-root", "", "trusted_root.json of the instance of sigstore that vouches for identities")
}

// registerBeside leaves --trusted-root to another set of flags.
func (l *listSigners) registerBeside(f *pflag.FlagSet, kind, who string) {
	f.StringSliceVar(&l.keys, kind+"-key", nil, "public keys of "+who)
	l.registerFor(f, kind, "certificate subjects (signing without a key) of "+who+"; needs --trusted-root and --"+kind+"-issuer")
}

// named says whether anybody is.
func (l *listSigners) named() bool { return len(l.keys) > 0 || l.identityFlags.named() }

// load reads what the flags name, with their own root.
func (l *listSigners) load(ctx context.Context, a *app) (signing.Trust, freshness.Counts, error) {
	if !l.identityFlags.named() {
		return l.against(ctx, a, nil)
	}
	if _, err := l.rules(l.root != ""); err != nil {
		return signing.Trust{}, nil, err
	}
	root, err := loadRoot(l.root)
	if err != nil {
		return signing.Trust{}, nil, err
	}
	return l.against(ctx, a, root)
}

// against gives whose signatures hold, and who of those counts: nobody is let in by the root alone.
func (l *listSigners) against(ctx context.Context, a *app, root *signing.Root) (signing.Trust, freshness.Counts, error) {
	var t signing.Trust
	rules, err := l.rules(root != nil)
	if err != nil {
		return t, nil, err
	}
	if t.Keys, err = a.verifiers(ctx, l.keys); err != nil || len(rules) == 0 {
		return t, nil, err
	}
	t.Root = root
	return t, counting(rules), nil
}

// speakers are whom the flags name, for lists that a verifier opens: the root is the one by which images are verified.
func (l *listSigners) speakers(ctx context.Context, a *app) (s ground.Speakers, err error) {
	if s.Identities, err = l.rules(true); err != nil {
		return s, err
	}
	s.Keys, err = a.verifiers(ctx, l.keys)
	return s, err
}

package cli

import (
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// identityFlags say whose certificates count, with cosign's names. Unlike there, an issuer has no pattern: it is who is asked.
type identityFlags struct {
	root     string
	subjects []string
	patterns []string
	issuers  []string
	// identity and issuer are the flags' names, where they are not cosign's.
	identity, issuer string
}

func (i *identityFlags) register(f *pflag.FlagSet) {
	f.StringVar(&i.root, "trusted-root", "", "trusted_root.json of the instance of sigstore whose certificates, logs and timestamps hold")
	i.define(f, "certificate-identity", "certificate-oidc-issuer", "subject (mail address or URI) that must have signed the evidence, exactly; needs --trusted-root and --certificate-oidc-issuer")
}

// registerFor registers the flags for who signs something else than the evidence: --KIND-identity, --KIND-identity-regexp, --KIND-issuer. They
// count against the root of another set.
func (i *identityFlags) registerFor(f *pflag.FlagSet, kind, what string) {
	i.define(f, kind+"-identity", kind+"-issuer", what)
}

func (i *identityFlags) define(f *pflag.FlagSet, identity, issuer, what string) {
	i.identity, i.issuer = identity, issuer
	f.StringArrayVar(&i.subjects, identity, nil, what)
	f.StringArrayVar(&i.patterns, identity+"-regexp", nil, "the same by a regular expression, which must match the whole subject")
	f.StringArrayVar(&i.issuers, issuer, nil, "who vouches for the identity, exactly: one for all identities, or one for each --"+identity+" in order")
}

// named says whether anybody is.
func (i *identityFlags) named() bool { return len(i.subjects)+len(i.patterns) > 0 }

// load reads what the flags name. No flag: nothing, without an error.
func (i *identityFlags) load() (*signing.Root, []trust.IdentityRule, error) {
	rules, err := i.rules(i.root != "")
	if err != nil || i.root == "" {
		return nil, nil, err
	}
	root, err := loadRoot(i.root)
	return root, rules, err
}

// rules are who is named; rooted says that there is a root to prove them by.
func (i *identityFlags) rules(rooted bool) ([]trust.IdentityRule, error) {
	identity, issuer := i.identity, i.issuer
	if identity == "" {
		identity, issuer = "certificate-identity", "certificate-oidc-issuer"
	}
	asked := len(i.subjects) + len(i.patterns)
	switch {
	case asked == 0 && len(i.issuers) > 0:
		return nil, usage("`--%s` needs `--%s`: an issuer vouches for very many", issuer, identity)
	case asked > 0 && !rooted:
		return nil, needsRoot(identity)
	case asked > 0 && len(i.issuers) != 1 && (len(i.patterns) > 0 || len(i.issuers) != len(i.subjects)):
		return nil, usage("%d identities and %d times `--%s`: give one for all, or one for each `--%s`", asked, len(i.issuers), issuer, identity)
	}
	var rules []trust.IdentityRule
	for n, s := range i.subjects {
		r, err := trust.ExactIdentity(i.issuers[min(n, len(i.issuers)-1)], s)
		if err != nil {
			return nil, usage("--%s: %v", identity, err)
		}
		rules = append(rules, r)
	}
	for _, p := range i.patterns {
		r, err := trust.IdentityPattern(i.issuers[0], p)
		if err != nil {
			return nil, usage("--%s-regexp: %v", identity, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// counting lets every key count that is given, and those of a root's identities that a rule names.
func counting(rules []trust.IdentityRule) freshness.Counts {
	return func(by trust.Party, _ time.Time, _ string) bool {
		return by.Identity == (trust.Identity{}) || slices.ContainsFunc(rules, func(r trust.IdentityRule) bool { return r.Matches(by.Identity) })
	}
}

func needsRoot(identity string) error {
	return usage("`--%s` needs `--trusted-root`: no instance of sigstore is trusted unless you name it", identity)
}

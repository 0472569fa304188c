package cli

import (
	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// identityFlags say whose certificates count, with cosign's names. Unlike there, an issuer has no pattern: it is who is asked.
type identityFlags struct {
	root     string
	subjects []string
	patterns []string
	issuers  []string
}

func (i *identityFlags) register(f *pflag.FlagSet) {
	f.StringVar(&i.root, "trusted-root", "", "trusted_root.json of the instance of sigstore whose certificates, logs and timestamps hold")
	f.StringArrayVar(&i.subjects, "certificate-identity", nil, "subject (mail address or URI) that must have signed the evidence, exactly; needs --trusted-root and --certificate-oidc-issuer")
	f.StringArrayVar(&i.patterns, "certificate-identity-regexp", nil, "the same by a regular expression, which must match the whole subject")
	f.StringArrayVar(&i.issuers, "certificate-oidc-issuer", nil, "who vouches for the identity, exactly: one for all identities, or one for each --certificate-identity in order")
}

// load reads what the flags name. No flag: nothing, without an error.
func (i *identityFlags) load() (*signing.Root, []trust.IdentityRule, error) {
	asked := len(i.subjects) + len(i.patterns)
	switch {
	case asked == 0 && len(i.issuers) > 0:
		return nil, nil, usage("`--certificate-oidc-issuer` needs `--certificate-identity`: an issuer vouches for very many")
	case asked > 0 && i.root == "":
		return nil, nil, usage("`--certificate-identity` needs `--trusted-root`: no instance of sigstore is trusted unless you name it")
	case asked > 0 && len(i.issuers) != 1 && (len(i.patterns) > 0 || len(i.issuers) != len(i.subjects)):
		return nil, nil, usage("%d identities and %d times `--certificate-oidc-issuer`: give one for all, or one for each `--certificate-identity`", asked, len(i.issuers))
	}
	var rules []trust.IdentityRule
	for n, s := range i.subjects {
		r, err := trust.ExactIdentity(i.issuers[min(n, len(i.issuers)-1)], s)
		if err != nil {
			return nil, nil, usage("--certificate-identity: %v", err)
		}
		rules = append(rules, r)
	}
	for _, p := range i.patterns {
		r, err := trust.IdentityPattern(i.issuers[0], p)
		if err != nil {
			return nil, nil, usage("--certificate-identity-regexp: %v", err)
		}
		rules = append(rules, r)
	}
	if i.root == "" {
		return nil, nil, nil
	}
	root, err := loadRoot(i.root)
	return root, rules, err
}

//go:build !front

package cli

import (
	"context"
	"os"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// signers says what signs a match and what a difference. Both are opened when the builders are gone, so that no step of somebody else's runs
// beside an open key; what can be found wrong with them is found now.
func (f *auditFlags) signers(ctx context.Context, a *app) error {
	f.sign.settle(f.who.root)
	match, difference := f.sign, f.sign
	difference.on, difference.token = f.findingToken != "", f.findingToken
	if !match.on && difference.on {
		match.token = "" // that of the difference alone is given
	}
	if f.key == "" && !match.on && (f.findingKey != "" || difference.on) {
		match = keylessFlags{} // nobody signs a match
	}
	for _, s := range []struct {
		key  string
		with keylessFlags
		role trust.Role
		to   *func() (*signing.Signer, error)
	}{{f.key, match, trust.Rebuilder, &f.Rebuilder}, {f.findingKey, difference, trust.Finding, &f.Finder}} {
		if s.key == "" && !s.with.on && s.role == trust.Finding {
			continue
		}
		if err := s.with.check(s.key, false); err != nil {
			return err
		}
		open, err := a.laterSigner(ctx, s.key, s.with, s.role)
		if err != nil {
			return err
		}
		*s.to = open
	}
	if match.on && difference.on {
		return a.apart(match, difference, "--finding-identity-token")
	}
	return nil
}

// laterSigner looks at what can be looked at, and opens nothing yet; nil: nobody signs.
func (a *app) laterSigner(ctx context.Context, key string, k keylessFlags, role trust.Role) (func() (*signing.Signer, error), error) {
	switch {
	case k.on:
		return a.keylessSigner(k, role)
	case key == "":
		return nil, nil
	}
	ref, err := signing.ParseRef(key)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(ref.File); ref.File != "" && err != nil {
		return nil, usage("the key: %v", err)
	}
	if _, err := k.stamps(); err != nil {
		return nil, err
	}
	return func() (*signing.Signer, error) { return a.openSigner(ctx, key, k, role) }, nil
}

// apart refuses one identity for two roles, as far as tokens tell: stock cosign takes any statement under an identity for an approval. flag
// names the other's token.
func (a *app) apart(one, other keylessFlags, flag string) error {
	instance, _, err := one.instance()
	if err != nil {
		return err
	}
	var tokens []signing.Token
	for _, k := range []keylessFlags{one, other} {
		if k.token == "" && a.get(envIDToken) == "" {
			return nil // a token service or a browser gives one later
		}
		source, err := a.tokens(k.token, instance)
		if err != nil {
			return err
		}
		t, err := source(context.Background())
		if err != nil {
			return err
		}
		tokens = append(tokens, t)
	}
	if tokens[0].SameHolder(tokens[1]) {
		return usage("--identity-token and %s are for one identity, and each role has an identity of its own", flag)
	}
	return nil
}

//go:build !front

package cli

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// instance reads what the flags name.
func (k *keylessFlags) instance() (*signing.Instance, *signing.Root, error) {
	config, err := os.ReadFile(k.config)
	if err != nil {
		return nil, nil, usage("reading the signing configuration: %v", err)
	}
	instance, err := signing.LoadInstance(config)
	if err != nil {
		return nil, nil, err
	}
	root, err := loadRoot(k.root)
	return instance, root, err
}

// keylessSigner makes the signer for a role, and finds what is missing before the build begins. The token itself is read after it.
func (a *app) keylessSigner(k keylessFlags, role trust.Role) (func() (*signing.Signer, error), error) {
	o := signing.KeylessOptions{Transport: transport(), Now: time.Now}
	var err error
	if o.Instance, o.Root, err = k.instance(); err != nil {
		return nil, err
	}
	if o.Token, err = a.tokens(k.token, o.Instance); err != nil {
		return nil, err
	}
	s, err := signing.NewKeyless(o)
	if err != nil {
		return nil, err
	}
	return func() (*signing.Signer, error) { return s.For(role), nil }, nil
}

// stamps is what has others say when a key signs; as it is, where nobody is named.
func (k keylessFlags) stamps() (func(*signing.Signer) (*signing.Signer, error), error) {
	if k.config == "" {
		return func(s *signing.Signer) (*signing.Signer, error) { return s, nil }, nil
	}
	o := signing.StampOptions{Transport: transport(), Now: time.Now}
	var err error
	if o.Instance, o.Root, err = k.instance(); err != nil {
		return nil, err
	}
	return func(s *signing.Signer) (*signing.Signer, error) { return s.Stamped(o) }, nil
}

// openSigner opens what signs: the key of that name, or nobody's.
func (a *app) openSigner(ctx context.Context, name string, k keylessFlags, role trust.Role) (*signing.Signer, error) {
	if err := k.check(name, false); err != nil {
		return nil, err
	}
	if k.on {
		get, err := a.keylessSigner(k, role)
		if err != nil {
			return nil, err
		}
		return get()
	}
	stamp, err := k.stamps()
	if err != nil {
		return nil, err
	}
	s, err := a.openKey(ctx, name, role)
	if err != nil {
		return nil, err
	}
	return stamp(s)
}

type tokenSource func(context.Context) (signing.Token, error)

// tokens picks where the identity token comes from, and refuses one that is of no use already.
func (a *app) tokens(file string, instance *signing.Instance) (tokenSource, error) {
	if file == "" && a.get(envIDToken) == "" {
		if address := a.get(envActionsURL); address != "" {
			return func(ctx context.Context) (signing.Token, error) {
				return signing.ActionsToken(ctx, transport(), address, a.get(envActionsToken))
			}, nil
		}
		return a.browser(instance)
	}
	read := func(context.Context) (signing.Token, error) {
		text := a.get(envIDToken)
		if file != "" {
			data, err := os.ReadFile(file) //nolint:gosec // the user's own file
			if err != nil {
				return signing.Token{}, diag.Errorf("A0552", "reading the identity token: %w", err).WithHelp("let --identity-token name a file with a token")
			}
			text = string(data)
		}
		return signing.ParseToken(text)
	}
	token, err := read(context.Background())
	if err != nil {
		return nil, err
	}
	if end := token.Expires(); !end.IsZero() && time.Now().After(end) {
		return nil, diag.Errorf("A0552", "the identity token expired at %s", end.UTC().Format(time.RFC3339)).WithHelp("make a new one")
	}
	return read, nil
}

// browser has the user log in, where there is a user.
func (a *app) browser(instance *signing.Instance) (tokenSource, error) {
	issuer := instance.Issuer(time.Now())
	if issuer == "" || a.In == nil || !term.IsTerminal(int(a.In.Fd())) || !a.isTerminal(a.Err) {
		return nil, diag.Errorf("A0552", "no identity token").
			WithWhy("no --identity-token, no SIGSTORE_ID_TOKEN, no token service of a CI, and no terminal to log in at").
			WithHelp("pass a file with a token: --identity-token FILE")
	}
	return func(ctx context.Context) (signing.Token, error) {
		fmt.Fprintf(a.Err, "%s: log in at %s to sign\n", Name, diag.Printable(issuer))
		return signing.Browser{In: a.In, Out: a.Err}.Token(ctx, issuer)
	}, nil
}

// signer is openKey for a build. Finding the key in a file takes a while on purpose, and a KMS is far away, so that goes on beside the build,
// which fail ends if the key is no good.
func (a *app) signer(ctx context.Context, name string, k keylessFlags, role trust.Role, fail context.CancelCauseFunc) (func() (*signing.Signer, error), error) {
	stamp, err := k.stamps()
	if err != nil {
		return nil, err
	}
	o, err := a.unlock(name, role)
	if err != nil {
		return nil, err
	}
	load := sync.OnceValues(func() (*signing.Signer, error) {
		s, err := signing.Open(ctx, name, o)
		if err != nil {
			return nil, err
		}
		return stamp(s)
	})
	go func() {
		if _, err := load(); err != nil {
			fail(err)
		}
	}()
	return load, nil
}

//go:build !front

package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// keylessFlags say how to sign without a key.
type keylessFlags struct {
	on     bool
	root   string
	config string
	token  string
}

func (k *keylessFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&k.on, "keyless", false, "sign without a key: an instance of sigstore vouches for whoever an identity token names; needs --signing-config and --trusted-root")
	f.StringVar(&k.config, "signing-config", "", "signing_config.json: the instance's certificate authority, timestamp authority and log; none is used that is not named")
	f.StringVar(&k.root, "trusted-root", "", "trusted_root.json: what the instance answers is checked against it before anything is published")
	f.StringVar(&k.token, "identity-token", "", "file with the identity token, read when there is something to sign (else SIGSTORE_ID_TOKEN, GitHub Actions, or a browser)")
}

// check finds contradictions before anything is asked or built.
func (k *keylessFlags) check(key string, unsigned bool) error {
	switch {
	case !k.on && (k.config != "" || k.root != "" || k.token != ""):
		return usage("`--signing-config`, `--trusted-root` and `--identity-token` are for `--keyless`")
	case k.on && key != "":
		return usage("`--key` and `--keyless` are two ways to sign: use one")
	case k.on && unsigned:
		return usage("`--unsigned` and `--keyless` contradict each other")
	case k.on && (k.config == "" || k.root == ""):
		return diag.Errorf("A0551", "`--keyless` needs `--signing-config` and `--trusted-root`").
			WithWhy("there is no instance that is used when none is named, the public one included").
			WithHelp("selfsame build --keyless --signing-config signing_config.json --trusted-root trusted_root.json")
	}
	return nil
}

// keylessSigner makes the signer, and finds what is missing before the build begins. The token itself is read after it.
func (a *app) keylessSigner(k keylessFlags) (func() (*signing.Signer, error), error) {
	config, err := os.ReadFile(k.config)
	if err != nil {
		return nil, usage("reading the signing configuration: %v", err)
	}
	o := signing.KeylessOptions{Transport: transport(), Now: time.Now}
	if o.Instance, err = signing.LoadInstance(config); err != nil {
		return nil, err
	}
	if o.Root, err = loadRoot(k.root); err != nil {
		return nil, err
	}
	if o.Token, err = a.tokens(k.token, o.Instance); err != nil {
		return nil, err
	}
	s, err := signing.NewKeyless(o)
	if err != nil {
		return nil, err
	}
	return func() (*signing.Signer, error) { return s.For(trust.Release), nil }, nil
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

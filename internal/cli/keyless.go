//go:build !front

package cli

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// keylessFlags say how to sign without a key, or who says when a key has signed.
type keylessFlags struct {
	on     bool
	root   string
	config string
	token  string
}

func (k *keylessFlags) register(f *pflag.FlagSet) {
	k.define(f)
	f.StringVar(&k.root, "trusted-root", "", "trusted_root.json: what the instance answers is checked against it before anything is published")
}

// registerBeside is for verbs whose --trusted-root says whose certificates count: settle takes that one, unless there is another.
func (k *keylessFlags) registerBeside(f *pflag.FlagSet) {
	k.define(f)
	f.StringVar(&k.root, "signing-root", "", "trusted_root.json of the instance that signs (default: --trusted-root)")
}

func (k *keylessFlags) define(f *pflag.FlagSet) {
	f.BoolVar(&k.on, "keyless", false, "sign without a key: an instance of sigstore vouches for whoever an identity token names; needs --signing-config and a trusted root")
	f.StringVar(&k.config, "signing-config", "", "signing_config.json: the instance's certificate authority, timestamp authority and log; none is used that is not named. Beside a key: who says when it signed")
	f.StringVar(&k.token, "identity-token", "", "file with the identity token, read when there is something to sign (else SIGSTORE_ID_TOKEN, GitHub Actions, or a browser)")
}

// settle takes the root by which others are verified where none is named for what is signed.
func (k *keylessFlags) settle(root string) {
	if k.root == "" && (k.on || k.config != "") {
		k.root = root
	}
}

// check finds contradictions before anything is asked or built.
func (k *keylessFlags) check(key string, unsigned bool) error {
	switch {
	case !k.on && (k.token != "" || key == "" && (k.config != "" || k.root != "")):
		return usage("`--signing-config`, `--trusted-root` and `--identity-token` are for `--keyless`; without it, the first two say when a `--key` has signed")
	case k.on && key != "":
		return usage("`--key` and `--keyless` are two ways to sign: use one")
	case k.on && unsigned:
		return usage("`--unsigned` and `--keyless` contradict each other")
	case k.on && (k.config == "" || k.root == ""):
		return diag.Errorf("A0551", "`--keyless` needs `--signing-config` and `--trusted-root`").
			WithWhy("there is no instance that is used when none is named, the public one included").
			WithHelp("selfsame build --keyless --signing-config signing_config.json --trusted-root trusted_root.json")
	case !k.on && (k.config == "") != (k.root == ""):
		return diag.Errorf("A0551", "times beside a key need `--signing-config` and `--trusted-root`").
			WithWhy("the one names who says when the key has signed, and the other by what that is checked").
			WithHelp("selfsame build --key release.key --signing-config signing_config.json --trusted-root trusted_root.json")
	}
	return nil
}

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

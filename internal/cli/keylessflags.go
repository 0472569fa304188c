package cli

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// keylessFlags say how to sign without a key, or who says when a key has signed.
type keylessFlags struct {
	on     bool
	root   string
	config string
	token  string
	// cmd is the command that has the flags, for what is said of them.
	cmd *cobra.Command
	// flag is how this signer was asked for; empty: --keyless.
	flag string
}

func (k *keylessFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	k.define(cmd, f)
	f.StringVar(&k.root, "trusted-root", "", "trusted_root.json: the instance's answers are checked against it before anything is published")
}

// registerBeside is for verbs whose --trusted-root says whose certificates count: settle takes that one, unless there is another.
func (k *keylessFlags) registerBeside(cmd *cobra.Command) {
	f := cmd.Flags()
	k.define(cmd, f)
	f.StringVar(&k.root, "signing-root", "", "trusted_root.json of the instance that signs (default: --trusted-root)")
}

func (k *keylessFlags) define(cmd *cobra.Command, f *pflag.FlagSet) {
	k.cmd = cmd
	f.BoolVar(&k.on, "keyless", false, "sign without a key: an instance of sigstore vouches for whoever an identity token names; needs --signing-config and a trusted root")
	f.StringVar(&k.config, "signing-config", "", "signing_config.json: the instance's certificate authority, timestamp authority and log; there is no default instance. Beside --key: who attests when the key signed")
	f.StringVar(&k.token, "identity-token", "", "file with the identity token, read when there is something to sign (else SIGSTORE_ID_TOKEN, GitHub Actions, or a browser)")
}

// elsewhere says whether anybody is asked when something is signed.
func (k *keylessFlags) elsewhere() bool { return k.on || k.config != "" }

// settle takes the root by which others are verified where none is named for what is signed.
func (k *keylessFlags) settle(root string) {
	if k.root == "" && k.elsewhere() {
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
		flag := cmp.Or(k.flag, "--keyless")
		return diag.Errorf("A0551", "`%s` needs `--signing-config` and `--trusted-root`", flag).
			WithWhy("there is no instance that is used when none is named, the public one included").
			WithHelp(k.example(flag))
	case !k.on && (k.config == "") != (k.root == ""):
		return diag.Errorf("A0551", "times beside a key need `--signing-config` and `--trusted-root`").
			WithWhy("the one names who says when the key has signed, and the other by what that is checked").
			WithHelp(k.example(k.keyFlag() + " " + key))
	}
	return nil
}

// keyFlag is what the command calls the key that signs.
func (k *keylessFlags) keyFlag() string {
	if k.cmd != nil && k.cmd.Flags().Lookup("sign-with") != nil {
		return "--sign-with"
	}
	return "--key"
}

// example is the command as it was called, by what it is about, with an instance of sigstore to sign by.
func (k *keylessFlags) example(by string) string {
	words := []string{Name}
	if k.cmd != nil {
		words = append([]string{k.cmd.CommandPath()}, k.cmd.Flags().Args()...)
	}
	return strings.Join(append(words, by, "--signing-config signing_config.json --trusted-root trusted_root.json"), " ")
}

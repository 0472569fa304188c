//go:build !front

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", GroupID: "nouns", Short: "Make and show keys that sign evidence", Args: cobra.NoArgs}
	var out, algorithm string
	var onlyPEM bool
	n := &cobra.Command{
		Use: "new --out PREFIX", Short: "Make a key pair: PREFIX.key (private, encrypted) and PREFIX.pub", Args: cobra.NoArgs,
		Long: `Make a key pair: PREFIX.key, the private half, encrypted as cosign does it, and PREFIX.pub, the public half. Make one for each role:
releases, findings, rebuilds.`,
		Example: "  selfsame key new --out release\n  selfsame key new --out finding --algorithm ed25519",
		RunE:    func(*cobra.Command, []string) error { return a.newKey(out, algorithm) },
	}
	n.Flags().StringVar(&out, "out", "", "prefix of the two files")
	n.Flags().StringVar(&algorithm, "algorithm", signing.DefaultAlgorithm, "how the key signs: "+strings.Join(signing.Algorithms(), ", "))
	show := &cobra.Command{
		Use: "show KEY", Short: "Show the public half of a key, wherever it is: algorithm, hash, PEM", Args: cobra.ExactArgs(1),
		Long: `Show the public half of a key: how it signs, its hash (the hint that bundles carry), and the key itself in PEM. KEY is a file, public or
private, a key on a token (pkcs11:...), or a key in a KMS (NAME://...). A token needs no PIN for this.`,
		Example: "  selfsame key show release.pub\n  selfsame key show --pem release.key > release.pub\n  selfsame key show 'pkcs11:token=release;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so'",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.showKey(cmd.Context(), args[0], onlyPEM) },
	}
	show.Flags().BoolVar(&onlyPEM, "pem", false, "print the public key alone, as `verify --key` takes it")
	cmd.AddCommand(n, show)
	return cmd
}

// showKey prints what the world may know of a key.
func (a *app) showKey(ctx context.Context, name string, onlyPEM bool) error {
	ref, err := signing.ParseRef(name)
	if err != nil {
		return err
	}
	o := a.keyOptions("")
	if ref.File != "" {
		if o.Password, err = a.passwordOf(ref.File); err != nil {
			return err
		}
	}
	v, err := signing.PublicKey(ctx, name, o)
	if err != nil {
		return err
	}
	pinned := ""
	if ref.Program != "" {
		unpinned, _, _ := strings.Cut(name, "#sha256=")
		pinned = unpinned + "#sha256=" + v.Key().Hint
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Algorithm     string `json:"algorithm"`
			Hint          string `json:"hint"`
			PublicKey     string `json:"publicKey"`
			Pinned        string `json:"pinned,omitempty"`
		}{1, v.Key().Algorithm, v.Key().Hint, string(v.PEM()), pinned})
	}
	if onlyPEM {
		_, err = a.Out.Write(v.PEM())
		return err
	}
	fmt.Fprintf(a.Out, "algorithm  %s\nsha256     %s\n", v.Key().Algorithm, v.Key().Hint)
	if pinned != "" {
		fmt.Fprintf(a.Out, "pinned     %s\n", diag.Printable(pinned))
	}
	_, err = a.Out.Write(v.PEM())
	return err
}

// passwordOf asks for a password only where the file holds an encrypted private key.
func (a *app) passwordOf(path string) ([]byte, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user's own key
	if err != nil {
		return nil, usage("reading the key: %v", err)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ENCRYPTED ")) {
		return nil, nil
	}
	return a.password("password for " + path + ": ")
}

func (a *app) newKey(prefix, algorithm string) error {
	if prefix == "" {
		return usage("`key new` needs --out PREFIX")
	}
	for _, path := range []string{prefix + ".key", prefix + ".pub"} {
		if _, err := os.Lstat(path); err == nil {
			return usage("`%s` is there already; a key is never overwritten", path).WithHelp("choose another --out")
		}
	}
	if !slices.Contains(signing.Algorithms(), algorithm) { // before a password is asked for
		return usage("`--algorithm %s`: choose one of %s", algorithm, strings.Join(signing.Algorithms(), ", "))
	}
	pw, err := a.newPassword()
	if err != nil {
		return err
	}
	priv, pub, err := signing.NewKeyOf(algorithm, pw)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(prefix+".key", priv, 0o600); err != nil {
		return err
	}
	if err := atomicfile.Write(prefix+".pub", pub, 0o644); err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Private       string `json:"private"`
			Public        string `json:"public"`
		}{1, prefix + ".key", prefix + ".pub"})
	}
	_, err = fmt.Fprintf(a.Out, "%s.key %s.pub\n", prefix, prefix)
	return err
}

// newPassword asks twice. Without a terminal and without SELFSAME_KEY_PASSWORD the password is empty, which is said.
func (a *app) newPassword() ([]byte, error) {
	pw, err := a.password("password for the new key: ")
	if err != nil {
		return nil, err
	}
	if a.get(envPassword) != "" {
		return pw, nil
	}
	again, err := a.password("the same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(pw, again) {
		return nil, usage("the two passwords differ")
	}
	if len(pw) == 0 {
		a.notice("the key has no password; set SELFSAME_KEY_PASSWORD to give it one")
	}
	return pw, nil
}

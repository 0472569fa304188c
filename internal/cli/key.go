package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/signing"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", GroupID: "nouns", Short: "Make keys that sign evidence", Args: cobra.NoArgs}
	var out string
	n := &cobra.Command{
		Use: "new --out PREFIX", Short: "Make a key pair: PREFIX.key (private, encrypted) and PREFIX.pub", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.newKey(out) },
	}
	n.Flags().StringVar(&out, "out", "", "prefix of the two files")
	cmd.AddCommand(n)
	return cmd
}

func (a *app) newKey(prefix string) error {
	if prefix == "" {
		return usage("`key new` needs --out PREFIX")
	}
	for _, path := range []string{prefix + ".key", prefix + ".pub"} {
		if _, err := os.Lstat(path); err == nil {
			return usage("`%s` is there already; a key is never overwritten", path)
		}
	}
	pw, err := a.newPassword()
	if err != nil {
		return err
	}
	priv, pub, err := signing.NewKey(pw)
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

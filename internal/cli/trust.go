//go:build !front

package cli

import (
	"context"
	_ "embed" // the starter is part of the program
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

//go:embed trust.yaml
var trustStarter string

func (a *app) trustCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "trust", GroupID: "nouns", Short: "Write and check trust files and rosters: who may sign what", Args: cobra.NoArgs}
	cmd.AddCommand(&cobra.Command{
		Use: "check FILE...", Short: "Read trust files and rosters, and say what is wrong or looks wrong", Args: cobra.MinimumNArgs(1),
		Long: `Read trust files and rosters with the keys that they name. Errors are shown all at once; warnings are signers whose time is over,
keys that a window can never judge, and expressions that match more than they seem to. Exit 0 with warnings, 10 with errors.`,
		Example: "  selfsame trust check trust.yaml roster.yaml",
		RunE:    func(_ *cobra.Command, args []string) error { return a.checkTrust(args) },
	})
	var key string
	init := &cobra.Command{
		Use: "init [FILE] --key KEY.pub", Short: "Write a trust file to start from", Args: cobra.MaximumNArgs(1),
		Example: "  selfsame trust init trust.yaml --key release.pub",
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "trust.yaml"
			if len(args) > 0 {
				path = args[0]
			}
			return a.initTrust(cmd.Context(), path, key)
		},
	}
	init.Flags().StringVar(&key, "key", "", "public key of who releases")
	cmd.AddCommand(init)
	return cmd
}

// checkTrust reads each file as what it says it is, and rosters beside the trust files that they are given with.
func (a *app) checkTrust(paths []string) error {
	var found diag.List
	key := func(pem []byte) (trust.Key, error) {
		v, err := signing.LoadVerifier(pem)
		if err != nil {
			return trust.Key{}, err
		}
		return v.Key(), nil
	}
	var signers []trust.Signer
	var rosters []trust.Roster
	n := 0
	for _, path := range paths {
		if isRoster(path) {
			r, err := trust.LoadRoster(path, key)
			found, n = append(found, diag.All(err)...), n+len(r.Owners)
			if err == nil {
				rosters = append(rosters, r)
			}
			continue
		}
		r, err := trust.Load(path, key)
		found, n = append(found, diag.All(err)...), n+len(r.Signers)
		if err == nil {
			found, signers = append(found, r.Check(time.Now())...), append(signers, r.Signers...)
		}
	}
	for _, r := range rosters {
		found = append(found, r.Check(signers)...)
	}
	return a.showChecked(found, len(paths), n)
}

// isRoster looks for the key that says so at the beginning of a line; a file without it is read as a trust file, which says the rest.
func isRoster(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return false
	}
	data, err := os.ReadFile(path) //nolint:gosec // the user's own file
	return err == nil && (strings.HasPrefix(string(data), "roster:") || strings.Contains(string(data), "\nroster:"))
}

func (a *app) showChecked(found diag.List, files, signers int) error {
	if a.global.json {
		if found == nil {
			found = diag.List{}
		}
		if err := json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int       `json:"schemaVersion"`
			Signers       int       `json:"signers"`
			Findings      diag.List `json:"findings"`
		}{1, signers, found}); err != nil {
			return err
		}
	} else if len(found) > 0 {
		a.render(found)
	}
	if found.Err() != nil {
		return shownError(diag.ExitUsage)
	}
	if a.global.json {
		return nil
	}
	_, err := fmt.Fprintf(a.Out, "%s, %s\n", diag.Counted(files, "file", "files"), diag.Counted(signers, "signer or owner", "signers and owners"))
	return err
}

// initTrust writes a starter and reads it back, so that it works as it is.
func (a *app) initTrust(ctx context.Context, path, key string) error {
	if key == "" {
		return usage("`trust init` needs --key KEY.pub: the first whose word counts")
	}
	if _, err := os.Lstat(path); err == nil {
		return usage("`%s` is there already", path)
	}
	opened, err := a.verifiers(ctx, []string{key})
	if err != nil {
		return err
	}
	text, err := startTrust(path, key, opened[0])
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, []byte(text), 0o644); err != nil {
		return err
	}
	return a.checkTrust([]string{path})
}

// startTrust is a trust file at path that lets v release, which is the key that a reference names.
func startTrust(path, key string, v *signing.Verifier) (string, error) {
	ref, err := signing.ParseRef(key)
	switch {
	case err != nil:
		return "", err
	case ref.File == "":
		key = string(v.PEM()) // a token or service cannot be named there: the file has its public key
	default:
		if key, err = beside(path, ref.File); err != nil {
			return "", err
		}
	}
	quoted, err := json.Marshal(key) // a JSON string is a YAML string
	return strings.Replace(trustStarter, "KEY", string(quoted), 1), err
}

// beside is the path of a key relative to the folder of the trust file.
func beside(path, key string) (string, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	abs, err := filepath.Abs(key)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(dir, abs); err == nil {
		key = filepath.ToSlash(rel)
	}
	return key, nil
}

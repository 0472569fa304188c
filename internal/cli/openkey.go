//go:build !front

package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/term"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/trust"
)

// openKey opens a private key for a role, asking for its password or PIN where there is somebody to ask.
func (a *app) openKey(ctx context.Context, name string, role trust.Role) (*signing.Signer, error) {
	o, err := a.unlock(name, role)
	if err != nil {
		return nil, err
	}
	return signing.Open(ctx, name, o)
}

// unlock is what opens the key of that name.
func (a *app) unlock(name string, role trust.Role) (signing.OpenOptions, error) {
	o := a.keyOptions(role)
	ref, err := signing.ParseRef(name)
	if err != nil {
		return o, err
	}
	if ref.File != "" {
		if _, err := os.Stat(ref.File); err != nil {
			return o, usage("reading the key: %v", err)
		}
		o.Password, err = a.password("password for " + ref.File + ": ")
	} else if ref.AsksPIN {
		o.Password, err = a.password("PIN of the token: ")
	}
	return o, err
}

// keyOptions is what opening a key needs of this machine. Programs that hold keys lie beside selfsame or in PATH, and get our environment,
// where those of clouds find their credentials.
func (a *app) keyOptions(role trust.Role) signing.OpenOptions {
	return signing.OpenOptions{Role: role, Programs: plugin.Programs{Env: os.Environ(), Find: func(name string) (string, error) {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		beside := filepath.Join(filepath.Dir(self), name)
		if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
			return beside, nil
		}
		return exec.LookPath(name)
	}}}
}

// password is SELFSAME_KEY_PASSWORD, or what the user types; empty where there is no terminal.
func (a *app) password(prompt string) ([]byte, error) {
	if pw := a.get(envPassword); pw != "" {
		return []byte(pw), nil
	}
	if a.In == nil || !term.IsTerminal(int(a.In.Fd())) {
		return nil, nil
	}
	fmt.Fprint(a.Err, prompt)
	pw, err := term.ReadPassword(int(a.In.Fd()))
	fmt.Fprintln(a.Err)
	if err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	return pw, nil
}

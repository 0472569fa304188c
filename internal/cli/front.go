//go:build front

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// front: this is the program that has one verb and becomes the whole program for all others (handover.go).
const front = true

// commands are the verbs that the front has itself.
func (a *app) commands() []*cobra.Command { return []*cobra.Command{a.verifyCommand()} }

// stepLog has nothing to show: the front runs no steps.
func (a *app) stepLog(error) {}

// needsWhole tells whether a verb failed for want of what only the whole program has.
func needsWhole(err error) bool {
	return errors.Is(err, errWhole) || errors.Is(err, signing.ErrElsewhere) || errors.Is(err, policy.ErrElsewhere)
}

// openSigner opens keys. Times and identities are the whole program's, which it becomes before anything is read.
func (a *app) openSigner(ctx context.Context, name string, k keylessFlags, role trust.Role) (*signing.Signer, error) {
	if k.elsewhere() {
		return nil, errWhole
	}
	return a.openKey(ctx, name, role)
}

// loadRoot is the whole program's: only there are certificates checked.
func loadRoot(string) (*signing.Root, error) { return nil, errWhole }

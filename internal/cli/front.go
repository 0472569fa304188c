//go:build front

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
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

// keyOptions is what opening a public key needs: of a file, nothing.
func (a *app) keyOptions(trust.Role) signing.OpenOptions { return signing.OpenOptions{} }

// write has nothing to write: check sends whatever is signed or handed on to the whole program.
func (s summaryFlags) write(context.Context, *app, verify.Options, verify.Result) error {
	if s.wanted() {
		return errWhole
	}
	return nil
}

// handOn has nothing to hand on, as write.
func (s summaryFlags) handOn(context.Context, *app, verify.Options, policy.Epoch, verify.Result) error {
	if s.wanted() {
		return errWhole
	}
	return nil
}

// openLayout is the whole program's: only there is in-toto's library linked.
func (a *app) openLayout(_ context.Context, path string, owners []string) (*verify.Layout, error) {
	if path != "" || len(owners) > 0 {
		return nil, errWhole
	}
	return nil, nil
}

// loadRoot is the whole program's: only there are certificates checked.
func loadRoot(string) (*signing.Root, error) { return nil, errWhole }

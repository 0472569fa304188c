//go:build front

package cli

import (
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/signing"
)

// front: this is the program that has one verb and becomes the whole program for all others (handover.go).
const front = true

// commands are the verbs that the front has itself.
func (a *app) commands() []*cobra.Command { return []*cobra.Command{a.verifyCommand()} }

// stepLog has nothing to show: the front runs no steps.
func (a *app) stepLog(error) {}

// loadRoot is the whole program's: only there are certificates checked.
func loadRoot(string) (*signing.Root, error) { return nil, errWhole }

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// The command line is built twice from this source. With the tag `front` it is bin/selfsame, which links neither what builds images nor
// what signs and checks certificates: setting those up takes longer than verifying an image (docs/explanation/cost.md). The front verifies by
// public keys in files, and becomes bin/selfsame-all, built without the tag, for everything else. A file that only the whole program needs begins
// with `//go:build !front`; internal/arch sees to it that the front stays small.

// wholeName is the program with every verb.
const wholeName = Name + "-all"

// errWhole ends a verb of the front that turned out to need the whole program, before it read its standard input or showed anything.
var errWhole = errors.New("this needs " + wholeName)

// handsOver tells whether a command line is for the whole program alone.
func handsOver(args []string) bool { return front && (len(args) == 0 || args[0] != "verify") }

// become replaces this process by the whole program, with the same command line. It returns only where it cannot. Diagnostic: A0704.
func (a *app) become() error {
	if !a.OwnProcess {
		return errWhole
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding our own program: %w", err)
	}
	whole, err := find(filepath.Dir(self), wholeName)
	if err != nil {
		return err
	}
	return fmt.Errorf("becoming %s: %w", whole, syscall.Exec(whole, append([]string{os.Args[0]}, a.args...), os.Environ())) //nolint:gosec // our own program
}

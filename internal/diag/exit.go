package diag

import (
	"context"
	"errors"
)

// The exit codes of every command (DESIGN §7). 0 means positively proven; an unknown code is to be treated as a failure.
// 2 is left free because a crashing Go program exits with it.
const (
	ExitProven          = 0   // everything asked for was done and checked
	ExitInternal        = 1   // a bug
	ExitUsage           = 10  // bad usage or recipe
	ExitLock            = 11  // lock missing or stale
	ExitStep            = 12  // a build step failed
	ExitNotReproducible = 13  // the two builds differ
	ExitPolicy          = 14  // a policy said no
	ExitInvalid         = 15  // evidence is there and is invalid
	ExitMissing         = 16  // evidence is missing
	ExitUndecided       = 17  // could not decide: network, builder, registry, disk
	ExitInterrupted     = 130 // Ctrl-C
	ExitTerminated      = 143 // SIGTERM
)

// ExitCode maps an error to the process's exit code: the first error diagnostic's code decides, an interrupted context is
// 130, anything that is no diagnostic is an internal error.
func ExitCode(err error) int {
	if err == nil {
		return ExitProven
	}
	for _, d := range All(err) {
		if d.Severity == SeverityError {
			return d.Code.Exit()
		}
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitInternal
}

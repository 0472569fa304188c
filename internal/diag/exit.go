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

// Exit is one exit code, for the reference and for whoever scripts the command.
type Exit struct {
	Code    int
	Meaning string
	// Then is what a script or a person does next.
	Then string
}

// ExitTable lists every exit code of every command, by number.
func ExitTable() []Exit {
	return []Exit{
		{ExitProven, "proven: everything that was asked for was done and checked", "go on"},
		{ExitInternal, "internal error: a bug in selfsame", "report it"},
		{ExitUsage, "bad usage, or a bad recipe or Dockerfile", "correct what the message points at"},
		{ExitLock, "the lock is missing or stale, a step asked for something that it does not name, or locked bytes have changed upstream", "`selfsame lock`, and review what changes"},
		{ExitStep, "a build step failed", "read the end of the step's output"},
		{ExitNotReproducible, "not reproducible: the two builds, or the two images, differ", "read the report"},
		{ExitPolicy, "signed, but not what was asked for: no second build with the same result is proven, or not by enough owners, or not at that level, or it was taken back (deny list)", "build again, or have it built again; use another version; or ask for less"},
		{ExitInvalid, "evidence is there and does not hold: a signature, a subject, a name, a builder", "do not use the image"},
		{ExitMissing, "evidence is missing", "sign and push it, or do not use the image"},
		{ExitUndecided, "could not decide: network, builder, registry, disk or rights", "`selfsame doctor`; try again"},
		{ExitInterrupted, "interrupted by Ctrl-C (SIGINT)", "nothing half-written is left behind"},
		{ExitTerminated, "ended by SIGTERM", "the same"},
	}
}

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

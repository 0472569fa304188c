package trace

import (
	"errors"
	"fmt"
	"time"
)

// Options describes the other world and who is to live in it. The zero value of a field leaves that part of the world alone.
type Options struct {
	// Command is the program, an absolute path or a path relative to the working directory, and its arguments.
	Command []string
	// Enter is the command line that makes a fresh process call Enter, given the text that follows it as its last argument.
	Enter []string
	// ClockOffset is added to every wall clock; whole seconds.
	ClockOffset time.Duration
	// KernelRelease and KernelVersion are what uname answers, at most 64 bytes each.
	KernelRelease, KernelVersion string
	// CPUs is the number of CPUs the command may use, the lowest of the caller's mask.
	CPUs int
	// FixedAddresses has the kernel lay out the command, and all that it starts, at the same addresses each time (ADDR_NO_RANDOMIZE of
	// personality(2)). Where the machine forbids that the command runs without.
	FixedAddresses bool
	// Pin confines the tracer to the command's CPUs: handing a stop over to the same CPU is cheaper than waking another.
	Pin bool
	// HideVDSO hides the vDSO's clock functions even where they could be redirected: slower, and independent of the vDSO's code.
	HideVDSO bool
	// Beat is the time between two calls of OnStatus.
	Beat time.Duration
	// OnStatus receives a status at the start, at every beat and at the end, never two at a time. It must not block.
	OnStatus func(Status)
}

// DefaultClockOffset is 397 days: another year, another month and, in most months, another weekday.
const DefaultClockOffset = 397 * 24 * time.Hour

// nameLength is the size of a field of struct utsname, its final NUL included.
const nameLength = 65

// check refuses options that could not be kept.
func (o Options) check() error {
	switch {
	case len(o.Command) == 0:
		return errors.New("no command")
	case o.ClockOffset%time.Second != 0:
		return fmt.Errorf("clock offset %v: not whole seconds", o.ClockOffset)
	case len(o.KernelRelease) >= nameLength || len(o.KernelVersion) >= nameLength:
		return fmt.Errorf("kernel release or version: longer than %d bytes", nameLength-1)
	case o.CPUs < 0:
		return fmt.Errorf("cpus %d: negative", o.CPUs)
	}
	return nil
}

func (o Options) seconds() int64 { return int64(o.ClockOffset / time.Second) }

// covered returns the interfaces with the rules that this world needs; one that moves no clock stops no clock call.
func (o Options) covered(goarch string) []abi {
	all := abis(goarch)
	for i, a := range all {
		var kept []rule
		for _, r := range a.rules {
			if o.needs(r.act) {
				kept = append(kept, r)
			}
		}
		all[i].rules = kept
	}
	return all
}

func (o Options) needs(act action) bool {
	switch act {
	case actUname:
		return o.KernelRelease != "" || o.KernelVersion != ""
	case actClockGettime, actGettimeofday, actTime, actTimex, actDeadline:
		return o.ClockOffset != 0
	case actExec: // also where no vDSO is changed: threads are not stopped during one (become)
		return o.ClockOffset != 0 || o.needs(actUname)
	}
	return true
}

//go:build linux

package command

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/trace"
	"github.com/selfsame-build/selfsame/internal/trace/world"
)

// runFlags are the flags of `selfsame-vary run`.
type runFlags struct {
	trace.Options
	status, world, runc string
}

func parseRun(args []string) (runFlags, error) {
	f := runFlags{}
	f.ClockOffset = trace.DefaultClockOffset
	set := flag.NewFlagSet("selfsame-vary run", flag.ContinueOnError)
	set.Func("clock-offset", "how far the wall clock is moved, in whole seconds", func(s string) (err error) {
		f.ClockOffset, err = parseSeconds(s)
		return err
	})
	set.StringVar(&f.KernelRelease, "kernel-release", "9.9.0-elsewhere", "what uname -r answers")
	set.StringVar(&f.KernelVersion, "kernel-version", "#1 SMP PREEMPT_DYNAMIC elsewhere", "what uname -v answers")
	set.IntVar(&f.CPUs, "cpus", 0, "how many CPUs the command may use (0: all)")
	set.BoolVar(&f.FixedAddresses, "fixed-addresses", false, "lay out every program at the same addresses each time")
	set.BoolVar(&f.Pin, "pin", false, "run the tracer on the command's CPUs only")
	set.BoolVar(&f.HideVDSO, "hide-vdso", false, "make every clock read a traced system call")
	set.StringVar(&f.status, "status", "", "the file for the status")
	set.DurationVar(&f.Beat, "beat", 500*time.Millisecond, "the time between two writes of the status")
	set.StringVar(&f.world, "world", "", "the folder for the covers of /proc and /sys, and for the runtime")
	set.StringVar(&f.runc, "runc", "", "the real OCI runtime")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	f.Command = set.Args()
	return f, nil
}

// parseSeconds reads a duration with its unit, or a plain number of seconds.
func parseSeconds(s string) (time.Duration, error) {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	return time.ParseDuration(s)
}

func run(args []string) (exit int) {
	f, err := parseRun(args)
	if err == nil {
		exit, err = f.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "selfsame-vary:", err)
		return trace.ExitWorld
	}
	return exit
}

func (f runFlags) run() (exit int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("finding this program: %w", err)
	}
	f.Enter = []string{self, "enter"}
	if f.world != "" {
		if err := f.writeWorld(self); err != nil {
			return 0, err
		}
	}
	var unwritten error
	if f.status != "" {
		f.OnStatus = func(s trace.Status) { unwritten = trace.WriteStatus(f.status, s) }
	}
	result, err := trace.Run(f.Options, forwarded())
	switch {
	case err != nil:
		return 0, err
	case unwritten != nil:
		return 0, unwritten
	case result.Signal != 0:
		return trace.ExitSignalled + int(result.Signal), nil
	}
	return result.ExitCode, nil
}

// forwarded catches the signals that are meant for the command. A terminal sends its own to every process of the group; then
// these are swallowed here, or the command would get them twice.
func forwarded() <-chan os.Signal {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err != nil {
		signal.Notify(signals, unix.SIGINT, unix.SIGQUIT)
	} else {
		signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGQUIT)
	}
	return signals
}

// writeWorld makes the covers and the runtime.
func (f runFlags) writeWorld(self string) error {
	if f.runc == "" {
		f.runc = "runc"
	}
	runc, err := exec.LookPath(f.runc)
	if err != nil {
		return fmt.Errorf("finding the OCI runtime: %w", err)
	}
	if runc, err = filepath.Abs(runc); err != nil {
		return err
	}
	dir, err := filepath.Abs(f.world)
	if err != nil {
		return err
	}
	cpus, err := trace.LowestCPUs(f.CPUs)
	if err != nil {
		return err
	}
	boot, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("making a boot id: %w", err)
	}
	return world.Write(dir, world.Options{Self: self, Runc: runc, ClockOffset: f.ClockOffset,
		KernelRelease: f.KernelRelease, KernelVersion: f.KernelVersion, BootID: boot.String(), CPUs: cpus})
}

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pace ticks evenly. time.Sleep would not: the runtime waits for whole milliseconds where it waits for files too (netpoll_epoll.go), so that
// what is due each millisecond would come in bursts, and wait for its turn in them.
type pace struct{ timer *os.File }

// newPace is a timer (timerfd_create(2)) whose first tick is one interval from now.
func newPace(every time.Duration) (*pace, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a timer: %w", err)
	}
	interval := unix.NsecToTimespec(every.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: interval, Value: interval}, nil); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("starting a timer: %w", err)
	}
	return &pace{os.NewFile(uintptr(fd), "timer")}, nil
}

// wait returns with the number of ticks since the last wait, at least one.
func (p *pace) wait() (ticks uint64, err error) {
	var count [8]byte
	if _, err := io.ReadFull(p.timer, count[:]); err != nil {
		return 0, fmt.Errorf("waiting for a timer: %w", err)
	}
	return binary.NativeEndian.Uint64(count[:]), nil
}

func (p *pace) close() error { return p.timer.Close() }

// pause waits for that long and not for the next whole millisecond, at the price of a thread.
func pause(d time.Duration) {
	for left := unix.NsecToTimespec(d.Nanoseconds()); unix.Nanosleep(&left, &left) == unix.EINTR; { //nolint:errorlint // a plain errno
	}
}

// ownProcessor is the processor time that this process has used.
func ownProcessor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

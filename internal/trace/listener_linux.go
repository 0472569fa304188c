//go:build linux

package trace

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that waits for an answer: struct seccomp_notif of <linux/seccomp.h>.
type call struct {
	id    uint64
	pid   uint32 // the thread that makes it, as this process's PID namespace numbers it
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64 // just behind the instruction
	args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	error int32
	flags uint32
}

// listener is the file from which the filter's calls come (seccomp_unotify(2)). The program that made a call sleeps until it has its
// answer; when the last holder of the file is gone, every such call fails with ENOSYS.
type listener int

var (
	// errGone says that the thread which made the call does not wait for an answer any more.
	errGone = errors.New("the calling thread is gone")
	// errNobody says that nobody is left who could make a call.
	errNobody = errors.New("the command has ended")
)

func (l listener) control(request uint, data unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(l), uintptr(request), uintptr(data))
	return errno
}

// receive waits for the next call.
func (l listener) receive() (call, error) {
	for {
		var c call // the kernel insists on zeros
		switch errno := l.control(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&c)); errno {
		case 0:
			return c, nil
		case unix.EINTR:
		case unix.ENOENT: // the caller was killed before its call could be read, or was the last one
			if l.deserted() {
				return call{}, errNobody
			}
		default:
			return call{}, fmt.Errorf("waiting for calls: %w", errno)
		}
	}
}

func (l listener) deserted() bool {
	files := []unix.PollFd{{Fd: int32(l)}}
	n, _ := unix.Poll(files, 0)
	return n == 1 && files[0].Revents&unix.POLLHUP != 0
}

// answer gives the call this value, or this error where it is not 0, instead of running it.
func (l listener) answer(c call, value int64, errno unix.Errno) error {
	return l.send(response{id: c.id, value: value, error: -int32(errno)})
}

// pass lets the kernel run the call.
func (l listener) pass(c call) error {
	return l.send(response{id: c.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE})
}

func (l listener) send(r response) error {
	for {
		switch errno := l.control(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)); errno {
		case 0:
			return nil
		case unix.EINTR:
		case unix.ENOENT:
			return errGone
		default:
			return fmt.Errorf("answering a call: %w", errno)
		}
	}
}

// waits says that the thread still waits for the call's answer, so that its id cannot have become another's.
func (l listener) waits(c call) bool {
	return l.control(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&c.id)) == 0
}

// wakeHere asks the kernel to run the caller on the CPU of whoever answers it, which is cheaper than waking another one (Linux 6.6;
// older ones say no).
func (l listener) wakeHere() {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(l), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
}

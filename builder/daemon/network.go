package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Without root over the machine a daemon cannot give its steps networks while it lives in the machine's own: BuildKit makes a pair of
// virtual devices there, and comes back there from the steps' networks (v0.34.2: util/network/proxyprovider), which both take root over the
// network that it is in. So the daemon gets an empty network of its own, with nothing but loopback. What it may reach, the input
// server, listens in there: the supervisor opens the port, because only it may enter, and hands it to whoever holds a lease.

// loopback is where input servers listen: any free port.
const loopback = "127.0.0.1:0"

// ports is the socket at which the supervisor hands out ports; empty where the daemon lives in the machine's network.
func (r run) ports() string {
	if !r.Rootless {
		return ""
	}
	return strings.TrimSuffix(r.Socket, ".sock") + "-ports"
}

// Listen opens a free port on the loopback that the daemon sees.
func (l *Lease) Listen(ctx context.Context) (net.Listener, error) {
	var ln net.Listener
	var err error
	if l.ports == "" {
		ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", loopback)
	} else {
		ln, err = takePort(ctx, l.ports)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the input server's port: %w", err)
	}
	return ln, nil
}

// takePort asks a supervisor for a port: it answers with one byte, and the listening socket beside it.
func takePort(ctx context.Context, socket string) (net.Listener, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	space := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), space)
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	messages, err := unix.ParseSocketControlMessage(space[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(errors.New("the builder's supervisor gave no port; its log has the reason"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("the builder's supervisor gave no port"), err)
	}
	f := os.NewFile(uintptr(fds[0]), "port") //nolint:gosec // a descriptor
	defer f.Close()                          // the listener has its own
	return net.FileListener(f)
}

// handOutPorts serves takePort until the socket is closed. pid is a process in the daemon's network.
func (r run) handOutPorts(pid int) (*net.UnixListener, error) {
	_ = os.Remove(r.ports())
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.ports(), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("making the socket for ports: %w", err)
	}
	if err := os.Chmod(r.ports(), 0o600); err != nil { // it may lie in a folder of everybody's
		return nil, errors.Join(err, ln.Close())
	}
	go func() {
		for {
			conn, err := ln.AcceptUnix()
			if err != nil {
				return
			}
			if err := handOutPort(conn, pid); err != nil {
				fmt.Fprintln(os.Stderr, "opening a port in the daemon's network:", err) // the log
			}
		}
	}()
	return ln, nil
}

func handOutPort(conn *net.UnixConn, pid int) error {
	defer conn.Close()
	port, err := openPort(pid)
	if err != nil {
		return err
	}
	defer port.Close()
	_, _, err = conn.WriteMsgUnix([]byte{0}, unix.UnixRights(int(port.Fd())), nil)
	return err
}

// openPort listens on loopback in the network of a process. The thread that goes there cannot come back, and ends.
func openPort(pid int) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened)
	go func() {
		runtime.LockOSThread()
		f, err := openPortThere(pid)
		done <- opened{f, err}
	}()
	o := <-done
	return o.f, o.err
}

func openPortThere(pid int) (*os.File, error) {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering it: %w", err)
	}
	ln, err := net.Listen("tcp", loopback) //nolint:noctx // loopback needs no look-up
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	return ln.(*net.TCPListener).File()
}

// loopbackUp starts the loopback of a new network.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("starting loopback: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("starting loopback: %w", err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("starting loopback: %w", err)
	}
	return nil
}

// namespaces are those that the daemon gets, for clone(2).
func (r run) namespaces() uintptr {
	if r.Rootless {
		return syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET
	}
	return syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
}

// mountsSys says whether steps may have a /sys: a process may mount it that is root over its network, unless what it sees of the machine's is
// covered in part, as in a container. It tries, at a folder.
func mountsSys(dir string) bool {
	return unix.Mount("sysfs", dir, "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "") == nil && unix.Unmount(dir, 0) == nil
}

package containerd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is the parent of all cgroups of the node's pods.
func (n *Node) cgroup() string { return "/" + filepath.Base(n.Dir) }

// stop ends containerd first, then what outlives it by design: containers, their shims, mounts and cgroups. It gives what could not be
// ended.
func (n *Node) stop() (errs []error) {
	if n.conn != nil {
		_ = n.conn.Close()
	}
	n.Kill()
	errs = append(errs, n.deleteContainers()...)
	errs = append(errs, n.killShims()...)
	if left := n.unmount(); left != nil {
		return append(errs, left...) // what is mounted there is not ours to delete
	}
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		dirs, _ := filepath.Glob(pattern + n.cgroup())
		for _, dir := range dirs {
			_ = os.Remove(dir)
		}
	}
	if err := os.RemoveAll(n.Dir); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// sweep stops the nodes of test binaries that could not: killed ones leave containers behind.
func sweep(runc string) {
	owners, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*", "owner"))
	for _, path := range owners {
		text, err := os.ReadFile(path)
		pid, notPID := strconv.Atoi(string(text))
		if err == nil && notPID == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			dir := filepath.Dir(path)
			_ = (&Node{Dir: dir, Socket: socket(dir), runc: runc}).stop()
		}
	}
}

// deleteContainers has runc delete every container that has a bundle.
func (n *Node) deleteContainers() (errs []error) {
	bundles, _ := filepath.Glob(filepath.Join(n.Dir, "state", "io.containerd.runtime.v2.task", "*", "*"))
	for _, bundle := range bundles {
		id, namespace := filepath.Base(bundle), filepath.Base(filepath.Dir(bundle))
		for _, root := range []string{filepath.Join(n.Dir, "runc"), "/run/containerd/runc"} { // the second is ctr's own choice
			root = filepath.Join(root, namespace)
			if _, err := os.Stat(filepath.Join(root, id)); err != nil {
				continue
			}
			if out, err := exec.Command(n.runc, "--root", root, "delete", "--force", id).CombinedOutput(); err != nil {
				errs = append(errs, fmt.Errorf("runc delete: %w: %s", err, out))
			}
		}
	}
	return errs
}

// killShims kills the processes that were told our socket: they are known by no other sign. Their own sockets, which lie outside our
// folder whatever the configuration says, go with them.
func (n *Node) killShims() []error {
	for range 100 {
		pids := n.shims()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			for _, socket := range sockets(pid) {
				defer func() { _ = os.Remove(socket) }()
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return []error{fmt.Errorf("shims do not end: %v", n.shims())}
}

func (n *Node) shims() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		args, err := os.ReadFile(path)
		if err == nil && slices.Contains(strings.Split(string(args), "\x00"), n.Socket) && bytes.Contains(args, []byte("containerd-shim")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// sockets are the paths that a process listens at.
func sockets(pid int) (paths []string) {
	inodes := map[string]bool{}
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, fd := range fds {
		target, _ := os.Readlink(fd)
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	text, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 8 && f[3] == listening && inodes[f[6]] && filepath.IsAbs(f[7]) {
			paths = append(paths, f[7])
		}
	}
	return paths
}

// listening is the flag __SO_ACCEPTCON in /proc/net/unix.
const listening = "00010000"

// unmount takes the mounts below our folder away, the last one first.
func (n *Node) unmount() (errs []error) {
	mounts, err := n.mounts()
	if err != nil {
		return []error{err}
	}
	for _, m := range slices.Backward(mounts) {
		if err := unix.Unmount(m, unix.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", m, err))
		}
	}
	return errs
}

func (n *Node) mounts() (below []string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], n.Dir+"/") {
			below = append(below, f[4])
		}
	}
	return below, err
}

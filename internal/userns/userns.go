// Package userns makes a normal user root of a user namespace (user_namespaces(7)), which is all the root that the managed builders
// need: a namespace of their own for mounts, processes and networks, and many user ids for the files of an image.
//
//	selfsame --clone(NEWUSER)--> cat, which keeps the namespace until it is entered
//	         --start--> newuidmap, newgidmap: the user is 0 inside, the ids of /etc/subuid and /etc/subgid are 1 and up
//	         --exec--> nsenter --exec--> selfsame, with the same arguments, process id, terminal, folder and groups
//
// The process is never left behind as a parent, so signals, job control and exit codes need no care. nsenter stands between because only
// a process with one thread may enter a user namespace, and a Go program has several.
//
// Files that are written inside as root belong to the user outside. There is no root over the machine: no block devices, none of its cgroups.
package userns

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Become runs the program self (an absolute path) with args and env as root of a new user namespace, in place of this process. It returns
// only on failure, with a diagnostic (A0705) that says what to install or to set. It must not be called by root.
func Become(self string, args, env []string) error {
	for _, c := range Checks() {
		if !c.OK {
			return refused(c.Detail, c.Help)
		}
	}
	nsenter, err := find("nsenter")
	if err != nil {
		return refused("`nsenter` is not installed", "run `apt-get install util-linux` as root")
	}
	me, err := thisUser()
	if err != nil {
		return fmt.Errorf("becoming root of a user namespace: %w", err)
	}
	ns, err := me.namespace()
	if err != nil {
		return err
	}
	argv := append([]string{nsenter, "--preserve-credentials", "--user=/proc/self/fd/" + strconv.Itoa(ns), "--", self}, args...)
	return fmt.Errorf("becoming %s: %w", nsenter, syscall.Exec(nsenter, argv, env))
}

// namespace makes a user namespace with the user's ids in it, and gives a descriptor of it that stays open across exec.
func (u user) namespace() (fd int, err error) {
	runtime.LockOSThread() // the holder dies with the thread that started it
	defer runtime.UnlockOSThread()
	holder, done, err := hold()
	if err != nil {
		return -1, refused("making a user namespace: "+err.Error(), obstacle())
	}
	defer done()
	for _, m := range []struct {
		program string
		id      int
		ranges  []idRange
	}{{"newuidmap", u.uid, u.uids}, {"newgidmap", u.gid, u.gids}} {
		if err := mapIDs(m.program, holder, m.id, m.ranges); err != nil {
			return -1, refused(err.Error(), obstacle())
		}
	}
	fd, err = unix.Open(fmt.Sprintf("/proc/%d/ns/user", holder), unix.O_RDONLY, 0)
	if err != nil {
		return -1, fmt.Errorf("opening the user namespace: %w", err)
	}
	return fd, nil
}

// hold starts a process in a new user namespace that does nothing until done is called.
func hold() (pid int, done func(), err error) {
	path, err := find("cat")
	if err != nil {
		return 0, nil, err
	}
	cmd := exec.Command(path) //nolint:gosec,noctx // a fixed program; it ends when its input does
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, cloneError(err)
	}
	return cmd.Process.Pid, func() { _ = in.Close(); _ = cmd.Wait() }, nil
}

// cloneError says what clone(2) means: its words are those of files.
func cloneError(err error) error {
	var errno syscall.Errno
	switch {
	case !errors.As(err, &errno):
		return err
	case errno == syscall.ENOSPC, errno == syscall.EUSERS:
		return errors.New("the kernel's limit of them is reached")
	case errno == syscall.EINVAL:
		return errors.New("this kernel has none")
	}
	return errno
}

// mapIDs has one of the setuid programs write a map: id becomes 0, the ranges follow from 1 on without a gap.
func mapIDs(program string, pid, id int, ranges []idRange) error {
	path, err := find(program)
	if err != nil {
		return err
	}
	args := []string{strconv.Itoa(pid), "0", strconv.Itoa(id), "1"}
	next := 1
	for _, r := range ranges {
		args = append(args, strconv.Itoa(next), strconv.Itoa(r.first), strconv.Itoa(r.count))
		next += r.count
	}
	out, err := exec.Command(path, args...).CombinedOutput() //nolint:gosec,noctx // numbers only; it does one write
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return nil
}

// find looks a program up where a user's PATH may not lead.
func find(program string) (string, error) {
	for _, dir := range []string{"", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"} {
		if path, err := exec.LookPath(dir + program); err == nil && strings.HasPrefix(path, "/") {
			return path, nil
		}
	}
	return "", fmt.Errorf("`%s` is not installed", program)
}

func refused(what, help string) error {
	return diag.Errorf("A0705", "building without root: %s", what).
		WithWhy("without root the builders run in a user namespace").
		WithHelp(help + "; or run the command with sudo, or in a privileged container")
}

// Inside says whether this process lives in a user namespace other than the machine's own: being root there allows neither block
// devices nor the machine's cgroups and folders. It goes by the map of user ids; one that cannot be read is the machine's.
func Inside() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && partial(string(data))
}

// Describe says in a few words whose user namespace this process lives in.
func Describe() string {
	data, _ := os.ReadFile("/proc/self/uid_map")
	outside, ids := "", 0
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		if f[0] == "0" {
			outside = f[1]
		}
		n, _ := strconv.Atoi(f[2])
		ids += n
	}
	return fmt.Sprintf("user %s is root of a user namespace of %d ids", outside, ids)
}

// partial says whether a map of ids (lines of: first inside, first outside, length) is another than the machine's own, which maps every
// id to itself.
func partial(text string) bool {
	return strings.Join(strings.Fields(text), " ") != "0 0 4294967295"
}

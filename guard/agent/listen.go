package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/flock"
)

// Listen opens the agent's socket. group is the name or number of a group whose members may ask, too; empty: there is none. The folder must
// be one where nobody else can put a socket of his own. Diagnostic: A0904.
func Listen(path, group string) (net.Listener, error) {
	l, err := listen(path, group)
	if err != nil {
		return nil, diag.Errorf(diag.CodeGuardSocket, "serving on `%s`: %w", path, err).WithHelp("see `socket:` in the configuration")
	}
	return l, nil
}

func listen(path, group string) (net.Listener, error) {
	gid, mode, err := members(group)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // who may ask must reach the socket
		return nil, err
	}
	if err := guarded(dir); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	if err := flock.Lock(lock, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, errors.New("another agent serves there")
	}
	// Under another name first, so that nobody ever finds it with the wrong mode.
	temp := path + ".new"
	_ = os.Remove(temp) // left by one that was killed
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", temp)
	if err == nil {
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		if err = give(temp, gid); err == nil {
			err = os.Chmod(temp, mode)
		}
		if err == nil {
			err = os.Rename(temp, path)
		}
		if err != nil {
			_ = l.Close()
			_ = os.Remove(temp)
		}
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return own(l, path, lock), nil
}

// give has a group own a file; -1: none has to. Whoever is in it may do that, and root with the capability CAP_CHOWN: uid 0 alone is not
// enough (chown(2)), and the guard's manifests take every capability away.
func give(path string, gid int) error {
	if gid < 0 {
		return nil
	}
	err := os.Chown(path, -1, gid)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("giving it to group %d (`socket.group`): the agent is not in that group and lacks the capability CAP_CHOWN; run it with the group as a "+
			"supplementary one (in a pod supplementalGroups: [%d], which `selfsame-guard manifests` writes; in a unit SupplementaryGroups=): %w", gid, gid, err)
	}
	return err
}

// owned removes the socket when it is closed, and gives the lock back after that.
type owned struct {
	net.Listener
	close func() error
}

func own(l net.Listener, path string, lock *os.File) owned {
	return owned{l, sync.OnceValue(func() error { return errors.Join(l.Close(), os.Remove(path), lock.Close()) })}
}

// Close implements net.Listener. Who calls it again waits until it is done.
func (o owned) Close() error { return o.close() }

// members finds a group; -1 is none, and then nobody but root and we ourselves may ask.
func members(group string) (gid int, mode os.FileMode, err error) {
	if group == "" {
		return -1, 0o600, nil
	}
	if gid, err := strconv.Atoi(group); err == nil {
		return gid, 0o660, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return -1, 0, err
	}
	gid, err = strconv.Atoi(g.Gid)
	return gid, 0o660, err
}

// guarded says why others could replace what lies in a folder.
func guarded(dir string) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return err
	}
	if uid := int(st.Uid); uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("the folder %s belongs to uid %d", dir, uid)
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("others may write to the folder %s (mode %04o)", dir, st.Mode&0o7777)
	}
	return nil
}

// idle and answerTime bound how long a client may keep a connection without asking, and without reading.
const (
	idle       = 30 * time.Second
	answerTime = 5 * time.Second
)

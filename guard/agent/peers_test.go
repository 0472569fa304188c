package agent_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/metrics"
)

// alone runs something in a thread of its own, which ends with it: whatever it changes of its credentials is nobody else's.
func alone(t *testing.T, do func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- do()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// as connects to a socket as another user, of root's group, n times.
func as(t *testing.T, uid int, socket string, n int) (all []net.Conn) {
	t.Helper()
	alone(t, func() error {
		if _, _, no := syscall.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); no != 0 { //nolint:gosec // of this thread alone, as syscall.Setresuid is not
			return no
		}
		for range n {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			// net.Dial would leave the thread where the socket's queue is full.
			if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
				return err
			}
			f := os.NewFile(uintptr(fd), "peer") //nolint:gosec // a descriptor
			c, err := net.FileConn(f)
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	t.Cleanup(func() {
		for _, c := range all {
			_ = c.Close()
		}
	})
	return all
}

// shared is an agent whose socket root's group may use, in a folder that everybody can reach.
func shared(t *testing.T, members bool, idle time.Duration) *node {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: to be another user needs root")
	}
	dir, err := os.MkdirTemp("", "selfsame-agent-") //nolint:usetesting // t.TempDir's parent is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	return serveAt(t, filepath.Join(dir, "run", "guard.sock"), "0", func(s *agent.Server) { s.Members, s.Idle, s.Metrics = members, idle, metrics.New() })
}

// turned counts those connections that the agent closed, with the word that it gave them. They are taken in the order in which they come: once
// root, who comes after them, is answered, each of them has its seat or its refusal.
func (n *node) turned(t *testing.T, all []net.Conn, word string) (gone int) {
	t.Helper()
	if a := n.client.Ask(t.Context(), question(good)); !a.Allow {
		t.Fatal(a.Denial())
	}
	for _, c := range all {
		got, err := saidTo(c)
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if !strings.Contains(got, word) || err != nil {
			t.Errorf("turned away with %q, %v", got, err)
		}
		gone++
	}
	return gone
}

// saidTo is what a connection holds now; EAGAIN: nothing. No deadline can say this: one that is over is over, whatever is there to read.
func saidTo(c net.Conn) (text string, err error) {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	failed := raw.Read(func(fd uintptr) bool {
		var n int
		n, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		text = string(buf[:max(n, 0)])
		return true
	})
	return text, errors.Join(failed, err)
}

// TestOneUserHoldsNotAll: whoever may ask and keeps connections open is turned away from the 33rd on, as are all such users together from
// the 129th on. Root is answered all the while.
func TestOneUserHoldsNotAll(t *testing.T) {
	n := shared(t, true, time.Hour)
	if gone := n.turned(t, as(t, 1001, n.client.Socket, 300), `"user"`); gone != 300-32 {
		t.Errorf("of 300 connections of a user %d were turned away", gone)
	}
	gone := 0
	for uid := 1002; uid < 1010; uid++ {
		gone += n.turned(t, as(t, uid, n.client.Socket, 40), `"user"`)
	}
	if gone != 8*40-(128-32) {
		t.Errorf("of 320 connections of eight more users %d were turned away", gone)
	}
	if gone := n.turned(t, as(t, 1010, n.client.Socket, 4), `"user"`); gone != 4 {
		t.Errorf("of 4 connections of a tenth user %d were turned away", gone)
	}
	for range 50 {
		if a := n.client.Ask(t.Context(), question(good)); !a.Allow {
			t.Fatal(a.Denial())
		}
	}
}

// TestWhoAsks: the engine is told which user asks, whatever he says of himself, and that root is none.
func TestWhoAsks(t *testing.T) {
	n := shared(t, true, time.Hour)
	c := as(t, 1001, n.client.Socket, 1)[0]
	if _, err := fmt.Fprintf(c, `{"version":1,"op":"ask","questions":[{"name":%q,"digest":%q,"who":{"user":"root"}}]}`+"\n", shop, good); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(got, `"allow":true`) || n.asker.uid != 1001 {
		t.Errorf("user %d: %s, %v", n.asker.uid, got, err)
	}
	if a := n.client.Ask(t.Context(), question(good)); !a.Allow || n.asker.uid != 0 {
		t.Errorf("root is guest %d: %+v", n.asker.uid, a)
	}
}

// TestIdleOnesLoseTheirSeats: who asks nothing is put out, and then there is room again.
func TestIdleOnesLoseTheirSeats(t *testing.T) {
	n := shared(t, true, 100*time.Millisecond)
	for _, c := range as(t, 1001, n.client.Socket, 32) {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
			t.Fatalf("an idle connection is not ended, or with a word: %q, %v", got, err)
		}
	}
	// A seat is free shortly after its connection was ended.
	for began := time.Now(); n.turned(t, as(t, 1001, n.client.Socket, 1), `"user"`) != 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("idle connections keep their seats")
		}
	}
}

// TestStrangersAreNotAnswered: without a group nobody but root may ask, whatever the mode of the socket says.
func TestStrangersAreNotAnswered(t *testing.T) {
	n := shared(t, false, time.Hour)
	if gone := n.turned(t, as(t, 1001, n.client.Socket, 3), `"peer"`); gone != 3 {
		t.Errorf("%d of 3 strangers were turned away", gone)
	}
}

// drop takes CAP_CHOWN from this thread.
func drop() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil {
		return err
	}
	caps[0].Effective &^= 1 << unix.CAP_CHOWN
	caps[0].Permitted &^= 1 << unix.CAP_CHOWN
	return unix.Capset(&head, &caps[0])
}

// TestGroupWithoutTheRightToGive: root without a capability, as the guard's manifests have the agent run, gives the socket to a group that it
// is in, and says what is missing for another one.
func TestGroupWithoutTheRightToGive(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: to give a capability away needs root")
	}
	const group = 54321
	dir := t.TempDir()
	alone(t, func() error {
		groups := [1]uint32{group}
		if err := drop(); err != nil {
			return err
		}
		_, err := agent.Listen(filepath.Join(dir, "guard.sock"), "54321")
		for _, word := range []string{"giving it to group 54321 (`socket.group`)", "CAP_CHOWN", "supplementalGroups: [54321]"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("no right to: %v; want %q", err, word)
			}
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 { // the lock file
			t.Errorf("it leaves %v, %v", all, err)
		}
		if _, _, no := syscall.RawSyscall(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&groups)), 0); no != 0 {
			return no
		}
		l, err := agent.Listen(filepath.Join(dir, "guard.sock"), "54321")
		if err != nil {
			return err
		}
		defer l.Close()
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "guard.sock"), &st); err != nil || st.Gid != group || st.Mode&0o777 != 0o660 {
			t.Errorf("group %d, mode %o, %v", st.Gid, st.Mode, err)
		}
		return nil
	})
}

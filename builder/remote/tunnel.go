package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Tunnel is one ssh process with both directions of a way.
type Tunnel struct {
	// Builder is the daemon's address for BuildKit's client, Inputs the input server's host:port for the daemon.
	Builder, Inputs string

	dir   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when ssh has ended
	said  lines
}

// openTimeout is how long ssh may take to connect and to set both directions up.
const openTimeout = 60 * time.Second

// Open starts ssh. inputs is where the input server listens on this machine. The tunnel ends with Close, or with this process.
func Open(ctx context.Context, a Address, inputs string) (*Tunnel, error) {
	program, err := exec.LookPath("ssh")
	if err != nil {
		return nil, diag.Errorf("A0704", "`ssh` is not installed").WithWhy("`" + a.text + "` is reached with it").WithHelp("run `apt-get install openssh-client`")
	}
	t := &Tunnel{ended: make(chan struct{})}
	// A folder that is ours alone, with a short path: a socket's may have 107 bytes.
	if t.dir, err = os.MkdirTemp("", "selfsame-ssh-"); err != nil {
		return nil, fmt.Errorf("making a folder for the tunnel: %w", err)
	}
	socket := filepath.Join(t.dir, "sock")
	t.Builder = "unix://" + socket
	t.cmd = exec.Command(program, arguments(a, socket, inputs)...) //nolint:noctx // ended by Close
	port := make(chan int, 1)
	if err := t.start(port); err != nil {
		return nil, errors.Join(err, os.RemoveAll(t.dir))
	}
	select {
	case p := <-port:
		t.Inputs = net.JoinHostPort("127.0.0.1", strconv.Itoa(p))
		err = Knock(ctx, t.Builder, TLS{})
	case <-t.ended:
		err = errors.New("ssh ended")
	case <-time.After(openTimeout):
		err = fmt.Errorf("ssh did not get through within %s", openTimeout)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil {
		return t, nil
	}
	cerr := t.Close()
	if ctx.Err() != nil {
		return nil, errors.Join(err, cerr)
	}
	return nil, diag.Errorf("A0325", "reaching `%s` by ssh: %w", a.text, errors.Join(err, cerr)).WithWhy(t.Said()).
		WithHelp("try `" + attempt(a) + "`; the host's key must be known, nothing may be asked, and sshd must allow forwarding (AllowTcpForwarding, AllowStreamLocalForwarding)")
}

// arguments is ssh's command line. Nobody is asked anything, an unknown host is refused whatever the user's configuration says, and
// a direction that cannot be set up ends it. The far port is any that is free, on loopback alone.
func arguments(a Address, socket, inputs string) []string {
	args := []string{"-N", "-T", "-n"}
	for _, o := range []string{
		"BatchMode=yes", "StrictHostKeyChecking=yes", "ExitOnForwardFailure=yes", "LogLevel=INFO",
		"ControlMaster=no", "ControlPath=none", // a shared connection would outlive us, and says nothing of the port
		"ForwardAgent=no", "ForwardX11=no", "PermitLocalCommand=no", "RemoteCommand=none", "StreamLocalBindUnlink=no",
		"ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4",
	} {
		args = append(args, "-o", o)
	}
	args = append(args, "-L", socket+":"+a.Socket, "-R", "127.0.0.1:0:"+inputs)
	if a.User != "" {
		args = append(args, "-l", a.User)
	}
	if a.Port != "" {
		args = append(args, "-p", a.Port)
	}
	return append(args, "--", a.Host)
}

// attempt is what a person may type to see whether ssh gets through.
func attempt(a Address) string {
	host := a.Host
	if a.User != "" {
		host = a.User + "@" + host
	}
	if a.Port != "" {
		host = "-p " + a.Port + " " + host
	}
	return "ssh -o BatchMode=yes " + host + " test -S " + a.Socket
}

// start starts ssh in a process group of its own, so that a Ctrl-C at the terminal does not cut the tunnel before the build has
// ended, and lets the kernel end it with us. That follows the thread that started it, so the thread waits for it.
func (t *Tunnel) start(port chan<- int) error {
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := t.cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("starting ssh: %w", err)
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := t.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		t.said.follow(stderr, port)
		_ = t.cmd.Wait() // how it ended is in what it said
		close(t.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting ssh: %w", err)
	}
	return nil
}

// Close ends ssh and removes what it left.
func (t *Tunnel) Close() error {
	_ = t.cmd.Process.Kill()
	<-t.ended
	return os.RemoveAll(t.dir)
}

// Said is the end of what ssh wrote; empty where it was content.
func (t *Tunnel) Said() string { return t.said.String() }

// lines are the last lines of a program's output.
type lines struct {
	mu   sync.Mutex
	last []string
}

// maxLines bounds what is kept; each line is bounded by its reader.
const maxLines = 4

var allocated = lazyregexp.New(`^Allocated port ([0-9]{1,5}) for remote forward`)

// follow reads lines until the end, and sends the port that ssh reports for the way back.
func (l *lines) follow(r io.Reader, port chan<- int) {
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		text := strings.TrimSpace(sc.Text())
		if m := allocated.FindStringSubmatch(text); m != nil {
			if p, err := strconv.Atoi(m[1]); err == nil {
				select {
				case port <- p:
				default:
				}
			}
			continue
		}
		l.mu.Lock()
		if l.last = append(l.last, text); len(l.last) > maxLines {
			l.last = l.last[1:]
		}
		l.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "; ")
}

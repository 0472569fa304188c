package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// defaultSocket is where a BuildKit daemon listens when nobody says otherwise.
const defaultSocket = "/run/buildkit/buildkitd.sock"

// Remote is a daemon on a machine that is reached by ssh.
type Remote struct {
	Destination string // [user@]host as ssh takes it
	Port        string // empty: ssh's own choice
	Socket      string // the daemon's, over there
}

// ParseRemote reads ssh://[user@]host[:port][/path/to/socket].
func ParseRemote(address string) (Remote, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Remote{}, fmt.Errorf("reading the address: %w", err)
	}
	_, password := u.User.Password()
	name := u.Hostname()
	if user := u.User.Username(); user != "" {
		name = user + "@" + name
	}
	if u.Scheme != "ssh" || u.Hostname() == "" || password || u.RawQuery != "" || u.Fragment != "" || strings.HasPrefix(name, "-") {
		return Remote{}, errors.New("an address by ssh is ssh://[user@]host[:port][/path/to/socket], without a password")
	}
	r := Remote{Destination: name, Port: u.Port(), Socket: u.Path}
	if r.Socket == "" || r.Socket == "/" {
		r.Socket = defaultSocket
	}
	return r, nil
}

// Tunnel is an ssh connection that brings a remote daemon's socket here, and this machine's input server there.
type Tunnel struct {
	Address string // of the daemon, on this machine
	Public  string // of the input server, on the daemon's machine
	dir     string
	cmd     *exec.Cmd
	ended   chan struct{}
	once    sync.Once
	said    *bounded
}

// Open connects with the user's own ssh, its configuration, keys and known hosts. port is the input server's on this machine's
// loopback; on the remote machine's loopback it has a number of that machine's choice. It waits until both ends are there.
func (r Remote) Open(ctx context.Context, port int) (*Tunnel, error) {
	dir, err := os.MkdirTemp("", "selfsame-ssh-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the tunnel: %w", err)
	}
	socket := filepath.Join(dir, "sock")
	here := "127.0.0.1:" + strconv.Itoa(port)
	args := []string{"-N", "-T", "-oBatchMode=yes", "-oExitOnForwardFailure=yes", "-oServerAliveInterval=5", "-oServerAliveCountMax=2",
		"-oLogLevel=INFO", "-L", socket + ":" + r.Socket, "-R", "127.0.0.1:0:" + here}
	if r.Port != "" {
		args = append(args, "-p", r.Port)
	}
	t := &Tunnel{Address: "unix://" + socket, dir: dir, ended: make(chan struct{}), said: &bounded{max: 4 << 10}}
	t.cmd = exec.Command("ssh", append(args, "--", r.Destination)...) //nolint:gosec,noctx // ended by Close
	t.cmd.Stderr = t.said
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := t.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting ssh: %w", err), os.RemoveAll(dir))
	}
	go func() { _ = t.cmd.Wait(); close(t.ended) }()
	if err := t.await(ctx, socket); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// allocated is how ssh says which port the other machine chose.
var allocated = regexp.MustCompile(`(?m)^Allocated port (\d+) for remote forward`)

// await waits for ssh to have set both directions up.
func (t *Tunnel) await(ctx context.Context, socket string) error {
	deadline := time.After(startTimeout)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.ended:
			return fmt.Errorf("ssh ended: %s", strings.TrimSpace(t.said.String()))
		case <-deadline:
			return fmt.Errorf("ssh did not connect within %s: %s", startTimeout, strings.TrimSpace(t.said.String()))
		case <-time.After(50 * time.Millisecond):
			m := allocated.FindStringSubmatch(t.said.String())
			if m != nil && answers(socket) {
				t.Public = "127.0.0.1:" + m[1]
				return nil
			}
		}
	}
}

// Close ends the connection.
func (t *Tunnel) Close() error {
	t.once.Do(func() {
		_ = t.cmd.Process.Kill()
		<-t.ended
	})
	return os.RemoveAll(t.dir)
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	mu  sync.Mutex
	buf bytes.Buffer
	max int
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := b.max - b.buf.Len(); room > 0 {
		b.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

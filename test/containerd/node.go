package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// Options of a node.
type Options struct {
	// Verifiers is the folder of image verifiers; "" is a folder that does not exist. MaxVerifiers and VerifierTimeout are containerd's
	// own (10, and 10 s) when 0.
	Verifiers       string
	MaxVerifiers    int
	VerifierTimeout time.Duration
	// NRI is on when it is not nil.
	NRI *NRI
	// Config changes any setting of the configuration file: it is merged over what is written otherwise.
	Config Tables
	// Env is added to containerd's environment, hence to its verifiers'.
	Env []string
}

// NRI is how plugins are dealt with.
type NRI struct {
	// Plugins is a folder of plugins that containerd starts itself, and PluginConfig of their configurations; "": none.
	Plugins, PluginConfig string
	// Required are names of plugins without which no container is created.
	Required []string
	// Tolerate names the pod annotation that lifts this; "": none does.
	Tolerate string
	// RequestTimeout and RegistrationTimeout are containerd's own (2 s, 5 s) when 0.
	RequestTimeout, RegistrationTimeout time.Duration
}

// Node is a running containerd.
type Node struct {
	// Dir is the node's folder; ConfigFile, Socket (of gRPC: CRI and containerd's own API) and NRISocket lie in it.
	Dir, ConfigFile, Socket, NRISocket string
	// Images and Runtime are the two services of CRI.
	Images  cri.ImageServiceClient
	Runtime cri.RuntimeServiceClient

	bin, runc string // the folder of containerd's programs; the OCI runtime
	env       []string
	conn      *grpc.ClientConn
	cmd       *exec.Cmd
	done      chan struct{} // closed when cmd has ended
}

// prefix is how a node's folder is called: below the temporary folder, a number after it.
const prefix = "selfsame-containerd-"

func socket(dir string) string { return filepath.Join(dir, "c.sock") }

// needs finds the programs, or skips the test.
func needs(tb testing.TB) (bin, runc string) {
	tb.Helper()
	fixture.Set(tb, "containerd")
	runc, err := exec.LookPath("runc")
	switch {
	case os.Geteuid() != 0:
		tb.Skip("SKIPPED: containerd needs root")
	case err != nil:
		tb.Skip("SKIPPED: containerd needs runc in PATH")
	}
	return fixture.Find("containerd"), runc
}

// Start runs a containerd until the test ends; then no process, mount, cgroup or file of it is left. The test is skipped when it cannot
// run here.
func Start(tb testing.TB, opts Options) *Node {
	tb.Helper()
	bin, runc := needs(tb)
	sweep(runc)
	dir, err := os.MkdirTemp("", prefix) //nolint:usetesting // a socket's path has at most 107 bytes; the test's own folder has its name in it
	if err != nil {
		tb.Fatal(err)
	}
	n := &Node{Dir: dir, ConfigFile: filepath.Join(dir, "config.toml"), Socket: socket(dir), NRISocket: filepath.Join(dir, "nri.sock"), bin: bin, runc: runc}
	tb.Cleanup(func() {
		for _, err := range n.stop() {
			tb.Errorf("cleaning up after containerd: %v", err)
		}
	})
	n.env = append([]string{"HOME=" + dir, "PATH=" + bin + ":" + os.Getenv("PATH")}, opts.Env...)
	for path, content := range map[string][]byte{n.ConfigFile: n.config(opts).render(), filepath.Join(dir, "owner"): []byte(strconv.Itoa(os.Getpid()))} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if n.conn, err = grpc.NewClient("unix://"+n.Socket, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		tb.Fatal(err)
	}
	n.Images, n.Runtime = cri.NewImageServiceClient(n.conn), cri.NewRuntimeServiceClient(n.conn)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	if err := n.Restart(ctx); err != nil {
		tb.Fatal(err)
	}
	if err := n.Import(ctx, NewImage(tb, "pause"), sandboxImage); err != nil {
		tb.Fatalf("importing the sandbox's image: %v", err)
	}
	return n
}

// Kill ends containerd itself with SIGKILL. Its containers go on.
func (n *Node) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		<-n.done
	}
}

// Restart starts containerd, after killing it if it runs, and waits until CRI answers.
func (n *Node) Restart(ctx context.Context) error {
	n.Kill()
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(n.bin, "containerd"), "-c", n.ConfigFile)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = n.Dir, n.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting containerd: %w", err)
	}
	done := make(chan struct{})
	n.cmd, n.done = cmd, done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	for {
		_, err := n.Runtime.Version(ctx, &cri.VersionRequest{}, grpc.WaitForReady(false))
		if err == nil {
			return nil
		}
		n.conn.ResetConnectBackoff()
		select {
		case <-done:
			return errors.New("containerd ended:\n" + n.Log())
		case <-ctx.Done():
			return fmt.Errorf("no answer from containerd (%w):\n%s", err, n.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (n *Node) logFile() string { return filepath.Join(n.Dir, "containerd.log") }

// Log is all that containerd wrote so far.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Ctr runs containerd's own client in CRI's namespace and gives what it printed; an error has its words.
func (n *Node) Ctr(ctx context.Context, args ...string) (string, error) {
	return n.ctr(ctx, nil, args...)
}

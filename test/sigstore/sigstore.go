// Package sigstore runs a private instance of sigstore on loopback for tests: the real certificate authority (Fulcio), timestamp
// authority and log (Rekor v2), built by tools/build, and an OpenID Connect issuer of our own. Nothing here reaches a network.
package sigstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/flock"
	"github.com/selfsame-build/selfsame/test/fixture"
)

// Instance is a running instance.
type Instance struct {
	// Issuer and Other are known to the certificate authority.
	Issuer, Other *Issuer
	// CA, TSA and Log are the services' addresses; TSA with its path.
	CA, TSA, Log string
	// TrustedRoot and SigningConfig describe the instance: paths of files.
	TrustedRoot, SigningConfig string

	dir     string
	running []*exec.Cmd
	turn    *os.File // held while the instance runs
}

var (
	mu     sync.Mutex
	shared *Instance
	failed error
)

// Start gives the one instance of this test binary, and skips the test when its programs are not here. A package that uses it calls
// Stop at the end of its TestMain.
func Start(tb testing.TB) *Instance {
	tb.Helper()
	programs := map[string]string{}
	for _, name := range []string{"fulcio", "rekor", "timestamp"} {
		if programs[name] = fixture.Find(name); programs[name] == "" {
			tb.Skipf("SKIPPED: no private sigstore: `tools/build %s` builds its part, or set SELFSAME_%s", name, strings.ToUpper(name))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if shared == nil && failed == nil {
		for range 3 { // a port that was free may be somebody else's by the time that a program asks for it
			if shared, failed = start(programs); failed == nil {
				break
			}
			shared = nil
		}
	}
	if failed != nil {
		tb.Fatalf("starting a private sigstore: %v", failed)
	}
	return shared
}

// Stop ends the instance, if there is one.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	if shared != nil {
		shared.stop()
		shared = nil
	}
}

func (i *Instance) stop() {
	i.end()
	for _, issuer := range []*Issuer{i.Issuer, i.Other} {
		if issuer != nil {
			issuer.server.Close()
		}
	}
	if i.turn != nil {
		_ = i.turn.Close()
	}
}

// end ends the services and removes what they wrote.
func (i *Instance) end() {
	for _, cmd := range i.running {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	i.running = nil
	_ = os.RemoveAll(i.dir)
}

func start(programs map[string]string) (i *Instance, err error) {
	i = &Instance{}
	defer func() {
		if err != nil {
			i.stop()
		}
	}()
	if err = i.take(filepath.Dir(programs["timestamp"])); err != nil {
		return i, err
	}
	if i.Issuer, err = startIssuer(); err != nil {
		return i, err
	}
	if i.Other, err = startIssuer(); err != nil {
		return i, err
	}
	return i, i.serve()
}

// serve starts the services, and describes them.
func (i *Instance) serve() (err error) {
	if i.dir, err = os.MkdirTemp("", "sigstore-"); err != nil {
		return err
	}
	if err = i.startCA(fixture.Find("fulcio")); err != nil {
		return err
	}
	if err = i.startTSA(fixture.Find("timestamp")); err != nil {
		return err
	}
	if err = i.startLog(fixture.Find("rekor")); err != nil {
		return err
	}
	return i.describe()
}

// take waits until no other test binary of this machine runs an instance: the timestamp server has a port for its metrics that cannot be
// chosen, and ends where it is taken. The lock ends with the process, too.
func (i *Instance) take(dir string) (err error) {
	if i.turn, err = os.OpenFile(filepath.Join(dir, ".sigstore.lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	for range 3000 {
		if err = flock.Lock(i.turn, unix.LOCK_EX|unix.LOCK_NB); err == nil || flock.Unsupported(err) {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("another test's instance does not end: %w", err)
}

// run starts a program and waits until address answers.
func (i *Instance) run(address, program string, args ...string) error {
	log := &bytes.Buffer{}
	cmd := exec.Command(program, args...) //nolint:gosec // built by tools/build
	cmd.Dir, cmd.Stdout, cmd.Stderr = i.dir, log, log
	cmd.Env = []string{"HOME=" + i.dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	i.running = append(i.running, cmd)
	for range 300 {
		if _, err := get(address); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return fmt.Errorf("%s does not answer at %s:\n%s", filepath.Base(program), address, log)
}

func get(address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return body, err
}

func (i *Instance) startCA(program string) error {
	ports, err := fixture.Ports(3)
	if err != nil {
		return err
	}
	i.CA = "http://127.0.0.1:" + ports[0]
	config := "oidc-issuers:\n"
	for _, issuer := range []*Issuer{i.Issuer, i.Other} {
		config += fmt.Sprintf("  %s: {issuer-url: %s, client-id: sigstore, type: email}\n", issuer.URL, issuer.URL)
	}
	path := filepath.Join(i.dir, "fulcio.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	return i.run(i.CA+"/api/v2/trustBundle", program, "serve", "--ca", "ephemeralca", "--ct-log-url", "", "--config-path", path, "--host", "127.0.0.1", "--grpc-host", "127.0.0.1",
		"--port", ports[0], "--grpc-port", ports[1], "--metrics-port", ports[2], "--legacy-unix-domain-socket", filepath.Join(i.dir, "fulcio.sock"))
}

func (i *Instance) startTSA(program string) error {
	ports, err := fixture.Ports(1)
	if err != nil {
		return err
	}
	base := "http://127.0.0.1:" + ports[0]
	i.TSA = base + "/api/v1/timestamp"
	return i.run(base+"/api/v1/timestamp/certchain", program, "serve", "--host", "127.0.0.1", "--port", ports[0], "--timestamp-signer", "memory", "--disable-ntp-monitoring")
}

func (i *Instance) startLog(program string) error {
	ports, err := fixture.Ports(3)
	if err != nil {
		return err
	}
	if err := i.logKey(); err != nil {
		return err
	}
	i.Log = "http://127.0.0.1:" + ports[0]
	return i.run(i.Log+"/healthz", program, "serve", "--hostname", logName, "--http-address", "127.0.0.1", "--grpc-address", "127.0.0.1",
		"--http-port", ports[0], "--grpc-port", ports[1], "--http-metrics-port", ports[2], "--signer-filepath", filepath.Join(i.dir, "log.pem"),
		"--storage-dir", filepath.Join(i.dir, "log"), "--checkpoint-interval", "200ms", "--batch-max-age", "50ms")
}

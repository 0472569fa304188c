package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/selfsame-build/selfsame/inputs/debian"
)

// stock is the peer: one buildkitd as anybody would start it, and buildctl.
type stock struct {
	bin, home    string
	context      string // its own copy of the example
	layout, base string // the example's base, in a local store
	daemon       *exec.Cmd
}

func (s *stock) socket() string { return filepath.Join(s.home, "sock") }

// reset gives an empty daemon that is up.
func (s *stock) reset(ctx context.Context) error {
	s.stop()
	root := filepath.Join(s.home, "root")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.home, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.daemon = exec.Command(filepath.Join(s.bin, "buildkitd"), "--config", "/dev/null", "--root", root, "--addr", "unix://"+s.socket(),
		"--containerd-worker", "false", "--oci-worker-net", "host", "--proxy-network", "--allow-insecure-entitlement", "network.host")
	s.daemon.Stdout, s.daemon.Stderr = log, log
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.daemon.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("unix", s.socket()); err == nil {
			return c.Close()
		}
	}
	return errors.New("stock buildkitd does not answer; its log is " + log.Name())
}

func (s *stock) stop() {
	if s.daemon != nil {
		_ = s.daemon.Process.Signal(syscall.SIGTERM)
		_ = s.daemon.Wait()
		s.daemon = nil
	}
}

// prepare writes the one rule that the peer needs to understand our base: where its package archive is.
func (s *stock) prepare(ctx context.Context) error {
	m, err := debian.SystemMirror(ctx, debian.HTTP{Client: http.DefaultClient}, os.DirFS("/"))
	if err != nil {
		return err
	}
	image, err := debian.ImageMirrors(recipesDebian)
	if err != nil {
		return err
	}
	type rule map[string]any
	convert := func(from, to string) rule {
		return rule{"action": "CONVERT", "selector": rule{"identifier": from + "/*", "matchType": "WILDCARD"}, "updates": rule{"identifier": to + "/${1}"}}
	}
	data, err := json.Marshal(rule{"rules": []rule{convert(image.Main, m.Main), convert(image.Security, m.Security)}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.home, "policy.json"), data, 0o600)
}

// build builds the example once, from the live network.
func (s *stock) build(ctx context.Context) (time.Duration, error) {
	out := filepath.Join(s.home, "out")
	if err := os.RemoveAll(out); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "buildctl"), "--addr", "unix://"+s.socket(), "build", "--progress", "plain",
		"--proxy-network", "--source-policy-file", filepath.Join(s.home, "policy.json"),
		"--frontend", "dockerfile.v0", "--local", "context="+s.context, "--local", "dockerfile="+s.context,
		"--oci-layout", "base="+s.layout, "--opt", "context:debian:trixie=oci-layout://base@"+s.base,
		// The same compression as ours; gzip, its default, would make the peer slower.
		"--output", "type=oci,tar=false,compression=zstd,dest="+out)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return took, fmt.Errorf("buildctl build: %w\n%s", err, log.Bytes())
	}
	return took, nil
}

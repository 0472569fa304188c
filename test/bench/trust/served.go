package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
)

// fill makes a registry's folder in this process and then serves it from another, as a registry would be.
func fill(ctx context.Context, c config, dir string, put func(host string, client *registry.Client) ([]string, error)) (refs []string, stop func(), err error) {
	s, err := local.Serve(ctx, local.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	host := s.Host
	refs, err = put(host, registry.New(registry.Options{}))
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, nil, err
	}
	// The evidence names the repository, and so the port.
	stop, err = serve(ctx, c, dir, host)
	return refs, stop, err
}

func serve(ctx context.Context, c config, dir, addr string) (func(), error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.root, "bin", "selfsame"), "registry", "serve", "--dir", dir, "--addr", addr)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != addr {
		stop()
		return nil, fmt.Errorf("the registry says %q: %w", line, err)
	}
	return stop, nil
}

// timed runs a command that must end with exit 0 and have says in its output.
func timed(ctx context.Context, c config, says string, args ...string) (cost, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = environment(c)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := cost{clock: time.Since(start)}
	if cmd.ProcessState != nil {
		took.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if err != nil || !strings.Contains(string(out), says) {
		return took, fmt.Errorf("%s: %v, want %q\n%.2000s", strings.Join(args, " "), err, says, out)
	}
	return took, nil
}

// environment is what programs get: nobody's settings but ours.
func environment(c config) []string {
	return []string{"HOME=" + c.work, "PATH=" + os.Getenv("PATH"), "NO_COLOR=1"}
}

// cosign finds or builds stock cosign.
func cosign(ctx context.Context, c config) (string, error) {
	if path := os.Getenv("SELFSAME_COSIGN"); path != "" {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.root, "tools", "build"), "cosign")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

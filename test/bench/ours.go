package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// selfsame is our side: its own state and cache folders, a copy of the example, a key.
type selfsame struct {
	program string
	home    string
	example string // the copy of the example
	table   *table
}

func (s *selfsame) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+s.home+"/state", "XDG_CACHE_HOME="+s.home+"/cache", "SELFSAME_KEY_PASSWORD=bench")
	return cmd
}

// run runs a command and gives its time and output.
func (s *selfsame) run(ctx context.Context, args ...string) (time.Duration, []byte, error) {
	cmd := s.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return took, nil, fmt.Errorf("selfsame %s: %w\n%s%s", strings.Join(args, " "), err, errs.Bytes(), out.Bytes())
	}
	if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.table.held(args[0], use.Maxrss<<10)
	}
	return took, out.Bytes(), nil
}

func (s *selfsame) key() string { return filepath.Join(s.home, "bench.key") }

// build builds, compares and signs the example.
func (s *selfsame) build(ctx context.Context) (time.Duration, error) {
	took, out, err := s.run(ctx, "build", s.example, "--out", s.home+"/out", "--key", s.key(), "--json", "-q")
	if err != nil {
		return took, err
	}
	var res struct {
		Reproducible bool   `json:"reproducible"`
		Digest       string `json:"digest"`
	}
	if err := json.Unmarshal(out, &res); err != nil || !res.Reproducible || res.Digest == "" {
		return took, fmt.Errorf("the build proved nothing: %w %s", err, out)
	}
	return took, nil
}

// reset gives empty builders that are up.
func (s *selfsame) reset(ctx context.Context) error {
	if _, _, err := s.run(ctx, "builders", "stop", "--remove"); err != nil {
		return err
	}
	_, _, err := s.run(ctx, "build", filepath.Join(s.home, "nothing"), "--out", s.home+"/nothing-out", "-q")
	return err
}

// prepare makes key and lock, and brings the base into the store.
func (s *selfsame) prepare(ctx context.Context) error {
	nothing := filepath.Join(s.home, "nothing")
	if err := os.MkdirAll(nothing, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"recipe.yaml": "recipe: v1\nname: nothing\nplatforms: [linux/amd64]\nsource: {path: .}\nepoch: 1760000000\nbuild: {dockerfile: Dockerfile}\n" +
			"output: {image: registry.example.com/nothing}\n",
		"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n",
	} {
		if err := os.WriteFile(filepath.Join(nothing, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"key", "new", "--out", strings.TrimSuffix(s.key(), ".key")}, {"lock", nothing, "-q"}, {"lock", s.example, "-q"}} {
		if _, _, err := s.run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// lock records every response again; the base's own lines stay, as the peer's base is there already.
func (s *selfsame) lock(ctx context.Context) (time.Duration, error) {
	path := filepath.Join(s.example, "selfsame.lock")
	before, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var kept []string
	for line := range strings.Lines(string(before)) {
		if !strings.HasPrefix(line, "response ") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(kept, "")), 0o600); err != nil {
		return 0, err
	}
	took, _, err := s.run(ctx, "lock", s.example, "-q")
	return took, err
}

// base is the layout and the manifest digest of the example's Debian base.
func (s *selfsame) base() (layout, digest string, err error) {
	marks, err := filepath.Glob(filepath.Join(s.home, "cache", "selfsame", "bases", "*"))
	if err != nil || len(marks) != 1 {
		return "", "", fmt.Errorf("the example has %d Debian bases, want 1 (%w)", len(marks), err)
	}
	data, err := os.ReadFile(marks[0])
	return filepath.Join(s.home, "cache", "selfsame", "store"), strings.TrimSpace(string(data)), err
}

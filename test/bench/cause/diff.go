package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// benchDiff compares two images that differ in 19 bytes of one program.
//
// diffoscope takes the two `docker save` tars: it opens tars in tars, and layers that have one name on both sides are paired without its
// guessing; of an OCI layout it would see blobs with unlike names. diffoci compares what is in its own store (or in registries with TLS):
// it has loaded the same tars beforehand, which is not counted.
func benchDiff(ctx context.Context, c config, t *table) error {
	scope, err := diffoscope(ctx)
	if err != nil {
		t.note("diffoscope was not measured: %v", err)
	}
	oci, err := output(ctx, filepath.Join(c.root, "tools", "build"), "diffoci")
	if err != nil {
		t.note("diffoci was not measured: %v", err)
	}
	a, b, err := makeBoth(ctx, c)
	if err != nil {
		return err
	}
	ours := filepath.Join(c.root, "bin", "selfsame")
	env := []string{"XDG_CACHE_HOME=" + filepath.Join(c.work, "cache"), "TMPDIR=" + c.work, "DOCKER_CONFIG=" + c.work, "NO_COLOR=1"}
	saved := &row{what: "docker save tars", peerName: "diffoscope", target: "10"}
	layouts := &row{what: "OCI layouts, gzip"}
	equal := &row{what: "OCI layouts, gzip, equal"}
	remote := &row{what: "from a registry on this machine"}
	loaded := &row{what: "docker save tars, the peer has loaded them", peerName: "diffoci"}
	for _, r := range []*row{saved, loaded, layouts, equal, remote} {
		t.add(r)
	}
	store := "--local-cache=" + filepath.Join(c.work, "diffoci")
	for _, s := range []side{a, b} {
		if oci == "" {
			break
		}
		if out, err := output(ctx, oci, "load", "--backend=local", store, "--input="+s.tar); err != nil {
			return fmt.Errorf("diffoci load: %w\n%s", err, out)
		}
	}
	served, err := serve(ctx, c, a, b)
	if err != nil {
		return err
	}
	defer served.stop()
	for i := range c.runs {
		fmt.Fprintf(os.Stderr, "bench-cause: diff, run %d of %d\n", i+1, c.runs)
		for _, m := range []measurement{
			{to: saved, args: []string{ours, "diff", a.tar, b.tar, "--json"}, exit: 13, says: "l3-000"},
			{to: saved, peer: true, args: []string{scope, "--text", "-", a.tar, b.tar}, exit: 1, says: "l3-000"},
			{to: layouts, args: []string{ours, "diff", a.layout, b.layout, "--json"}, exit: 13, says: "l3-000"},
			{to: equal, args: []string{ours, "diff", a.layout, a.layout, "--json"}, exit: 0},
			{to: remote, args: []string{ours, "diff", served.a, served.b, "--json"}, exit: 13, says: "l3-000"},
			{to: loaded, args: []string{ours, "diff", a.tar, b.tar, "--json"}, exit: 13, says: "l3-000"},
			{to: loaded, peer: true, args: []string{oci, "diff", "--backend=local", store, "--pull=never", a.tag, b.tag}, exit: 1, says: "l3-000"},
		} {
			if m.args[0] == "" || m.peer && i >= 3 {
				continue
			}
			if err := m.run(ctx, env); err != nil {
				return err
			}
		}
	}
	return nil
}

func makeBoth(ctx context.Context, c config) (a, b side, err error) {
	fmt.Fprintf(os.Stderr, "bench-cause: making two images of %d MB\n", c.mb)
	if a, err = makeSide(ctx, filepath.Join(c.work, "a"), c.mb, nil); err != nil {
		return a, b, err
	}
	b, err = makeSide(ctx, filepath.Join(c.work, "b"), c.mb, &a)
	return a, b, err
}

// measurement is one run of one tool.
type measurement struct {
	to   *row
	peer bool
	args []string
	exit int    // the code that says what is true
	says string // what its output must have in it
}

func (m measurement) run(ctx context.Context, env []string) error {
	cmd := exec.CommandContext(ctx, m.args[0], m.args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != m.exit || !strings.Contains(out.String(), m.says) {
		return fmt.Errorf("%s: exit %d, want %d and %q\n%.2000s\n%.2000s", strings.Join(m.args, " "), got, m.exit, m.says, out.Bytes(), errs.Bytes())
	}
	held := int64(0)
	if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		held = use.Maxrss >> 10
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Fprintf(os.Stderr, "bench-cause: %s: %s: %.2f s, %.2f s of processor time, %d MB\n", m.to.what, filepath.Base(m.args[0]), took.Seconds(), cpu.Seconds(), held)
	if m.peer {
		m.to.peerCPU = append(m.to.peerCPU, cpu)
		m.to.peer, m.to.peerMB = append(m.to.peer, took), max(m.to.peerMB, held)
	} else {
		m.to.oursCPU = append(m.to.oursCPU, cpu)
		m.to.ours, m.to.oursMB = append(m.to.ours, took), max(m.to.oursMB, held)
	}
	return nil
}

// diffoscope finds Debian's, and installs it where that is possible.
func diffoscope(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("diffoscope"); err == nil {
		return path, nil
	}
	if os.Geteuid() == 0 {
		cmd := exec.CommandContext(ctx, "apt-get", "install", "-qq", "-y", "--no-install-recommends", "diffoscope-minimal")
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
	}
	return exec.LookPath("diffoscope")
}

func output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

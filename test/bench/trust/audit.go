package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/selfsame-build/selfsame/registry/local"
)

// benchAudit publishes a recipe's image with its seal, and then builds it and audits it in turns, each on builders that have never run. The
// build's cost stands where another tool's does: an audit is to take at most 1.1 times as long, so the ratio at least 0.9. Like is measured beside
// like: with a Debian base that an earlier build has proven, or an earlier audit has made; and from the locked inputs alone. Building needs root,
// and locking the network.
func benchAudit(ctx context.Context, c config, t *table) (err error) {
	if os.Geteuid() != 0 {
		t.note("audit: not measured, building needs root")
		return nil
	}
	dir := filepath.Join(c.work, "audited")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(c.root, c.recipe))); err != nil {
		return err
	}
	k, err := newKeys(c.work)
	if err != nil {
		return err
	}
	s, err := local.Serve(ctx, local.Options{Dir: filepath.Join(c.work, "audits")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	self := filepath.Join(c.root, "bin", "selfsame")
	ref, err := published(ctx, c, self, dir, k.private, s.Host+"/team/audited")
	if err != nil {
		return err
	}
	forget := func(ctx context.Context) error {
		_, err := timed(ctx, c, "", self, "builders", "stop", "--remove")
		return err
	}
	defer func() { err = errors.Join(err, forget(context.WithoutCancel(ctx))) }()
	again := t.row("audit of "+c.recipe+", beside its build: each with a base of before (builders that never ran)", "at least 0.9")
	alone := t.row("the same, each from the locked inputs alone", "at least 0.9")
	build := []string{"build", "-q", dir, "--out", filepath.Join(c.work, "out")}
	audit := []string{"audit", "-q", ref, "--release-key", k.public, "--keep-bases"}
	for range c.runs {
		var costs []cost
		for _, of := range []struct {
			first func() error
			args  []string
		}{{nothing, build}, {func() error { return keepStore(c) }, build}, {nothing, audit}, {nothing, audit}} { // the first audit finds no base, the second its
			if err := errors.Join(forget(ctx), of.first()); err != nil {
				return err
			}
			took, err := timed(ctx, c, "", append([]string{self}, of.args...)...)
			if err != nil {
				return err
			}
			costs = append(costs, took)
		}
		again.peer, again.ours = append(again.peer, costs[0]), append(again.ours, costs[3])
		alone.peer, alone.ours = append(alone.peer, costs[1]), append(alone.ours, costs[2])
	}
	return nil
}

func nothing() error { return nil }

// keepStore removes what earlier builds and audits remember (bases, checked signatures, layers), and leaves the store of locked inputs.
func keepStore(c config) error {
	cache := filepath.Join(c.work, ".cache", "selfsame") // environment sets HOME
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "store" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(cache, e.Name())))
		}
	}
	return err
}

// published locks, builds and pushes, and gives the image by digest.
func published(ctx context.Context, c config, self, dir, key, to string) (string, error) {
	fmt.Fprintln(os.Stderr, "bench-trust: locking and publishing", c.recipe)
	if _, err := timed(ctx, c, "", self, "lock", "-q", dir); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, "build", "-q", dir, "--out", filepath.Join(c.work, "out"), "--key", key, "--push="+to, "--seal", "same")
	cmd.Env, cmd.Stderr = environment(c), os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

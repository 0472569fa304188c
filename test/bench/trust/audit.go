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
// build's cost stands where another tool's does: an audit is to take at most 1.1 times as long, so the ratio at least 0.9. It is built in two
// ways: as the publisher builds it again, with Debian bases that were proven before and need not be made; and from the locked inputs alone,
// which is what an audit has. Building needs root, and locking the network.
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
	again := t.row("audit of "+c.recipe+", beside building it again (builders that never ran)", "at least 0.9")
	alone := t.row("the same, beside building it from the locked inputs alone", "at least 0.9")
	for range c.runs {
		var builds []cost
		for _, first := range []func() error{func() error { return nil }, func() error { return keepStore(c) }} {
			if err := errors.Join(forget(ctx), first()); err != nil {
				return err
			}
			build, err := timed(ctx, c, "", self, "build", "-q", dir, "--out", filepath.Join(c.work, "out"))
			if err != nil {
				return err
			}
			builds = append(builds, build)
		}
		audit, err := timed(ctx, c, "", self, "audit", "-q", ref, "--release-key", k.public)
		if err != nil {
			return err
		}
		again.peer, again.ours = append(again.peer, builds[0]), append(again.ours, audit)
		alone.peer, alone.ours = append(alone.peer, builds[1]), append(alone.ours, audit)
	}
	return nil
}

// keepStore removes what earlier builds remember (proven bases, checked signatures, layers), and leaves the store of locked inputs.
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

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/selfsame-build/selfsame/registry"
)

// benchCommand verifies one image by a new process each time, with the same evidence in the same registry as cosign. Ours checks five
// statements on two manifests; cosign those of the predicate type that it is asked for, on the index.
func benchCommand(ctx context.Context, c config, t *table) error {
	peer, err := cosign(ctx, c)
	if err != nil {
		return err
	}
	k, err := newKeys(c.work)
	if err != nil {
		return err
	}
	refs, stop, err := fill(ctx, c, filepath.Join(c.work, "one"), func(host string, client *registry.Client) ([]string, error) {
		ref, err := publish(ctx, c, k, client, host+"/team/shop", 0)
		return []string{ref}, err
	})
	if err != nil {
		return err
	}
	defer stop()
	ours := filepath.Join(c.root, "bin", "selfsame")
	r := t.row("whole command, cold, registry on loopback", "4 times faster")
	start := t.row("the start of the program alone (`verify --help`, cosign `version`)", "")
	for range c.runs {
		for _, m := range []struct {
			peer bool
			row  *row
			says string
			args []string
		}{
			{false, r, "verified: ", []string{ours, "verify", refs[0], "--key", k.public}},
			{true, r, "verified against the specified public key", []string{peer, "verify-attestation", "--key", k.public, "--insecure-ignore-tlog", "--allow-insecure-registry", "--type", "slsaprovenance1", refs[0]}},
			{false, start, "selfsame verify", []string{ours, "verify", "--help"}},
			{true, start, "cosign", []string{peer, "version"}},
		} {
			took, err := timed(ctx, c, m.says, m.args...)
			if err != nil {
				return err
			}
			if m.peer {
				m.row.peer = append(m.row.peer, took)
			} else {
				m.row.ours = append(m.row.ours, took)
			}
		}
	}
	return nil
}

// benchMany verifies many images in one call.
func benchMany(ctx context.Context, c config, t *table) error {
	k, err := newKeys(c.work)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench-trust: publishing %d images\n", c.images)
	refs, stop, err := fill(ctx, c, filepath.Join(c.work, "many"), func(host string, client *registry.Client) ([]string, error) {
		var refs []string
		for n := range c.images {
			ref, err := publish(ctx, c, k, client, fmt.Sprintf("%s/team/app%d", host, n%10), n)
			if err != nil {
				return nil, err
			}
			refs = append(refs, ref)
		}
		return refs, nil
	})
	if err != nil {
		return err
	}
	defer stop()
	list := filepath.Join(c.work, "images.txt")
	var text []byte
	for _, r := range refs {
		text = append(text, r+"\n"...)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return err
	}
	r := t.row(fmt.Sprintf("each of %d images in one call", c.images), "2 ms (500 a second)")
	r.per = c.images
	for range c.runs {
		took, err := timed(ctx, c, `"verdict":"verified"`, filepath.Join(c.root, "bin", "selfsame"), "verify", "--json", "--from-file", list, "--key", k.public)
		if err != nil {
			return err
		}
		r.ours = append(r.ours, took)
	}
	return nil
}

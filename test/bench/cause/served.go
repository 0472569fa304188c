package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
)

// served are both images in a registry on this machine.
type served struct {
	a, b   string // references
	server *local.Server
}

func serve(ctx context.Context, c config, a, b side) (*served, error) {
	s, err := local.Serve(ctx, local.Options{Dir: filepath.Join(c.work, "registry")})
	if err != nil {
		return nil, err
	}
	out := &served{a: s.Host + "/bench:a", b: s.Host + "/bench:b", server: s}
	client := registry.New(registry.Options{})
	for ref, from := range map[string]side{out.a: a, out.b: b} {
		if _, err := client.Push(ctx, from.layout, from.root, ref, nil); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return out, nil
}

func (s *served) stop() { _ = s.server.Close() }

//go:build !front

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

// openLayout reads the layout that an image is verified by; no path: there is none.
func (a *app) openLayout(ctx context.Context, path string, owners []string) (*verify.Layout, error) {
	switch {
	case path == "" && len(owners) > 0:
		return nil, usage("--layout-key without --layout")
	case path == "":
		return nil, nil
	case len(owners) == 0:
		return nil, usage("--layout needs --layout-key: without its owner's key, anybody's layout would do")
	}
	keys, err := a.verifiers(ctx, owners)
	if err != nil {
		return nil, err
	}
	data, err := readBounded(path, signing.MaxEnvelope)
	if err != nil {
		return nil, usage("reading the layout: %v", err)
	}
	return verify.OpenLayout(data, keys, time.Now())
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errors.New("it is too large")
	}
	return data, err
}

package debian

import (
	"context"
	"path"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Fetch brings locked packages into the store that are not there, by their digests: what `build` may do before the solve.
// Only deb lines are looked at; an InRelease that the mirror no longer serves cannot be had again anyway. Addresses below the
// recipe's ImageMirrors are asked at actual. Other bytes than locked are A0715, a mirror that does not answer (or has dropped
// the package) is A0711. onFetch may be nil.
func Fetch(ctx context.Context, f Fetcher, store Store, spec recipes.Debian, actual Mirrors, entries []lock.Entry, onFetch func(name string, done, total int)) error {
	image, err := ImageMirrors(spec)
	if err != nil {
		return err
	}
	var todo []lock.Entry
	for _, e := range entries {
		if e.Kind == lock.KindDeb && !store.Has(e.Digest) {
			todo = append(todo, e)
		}
	}
	r := &resolver{fetch: fetcher{Fetcher: f}, store: store}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	var mu sync.Mutex
	done := 0
	for _, e := range todo {
		g.Go(func() error {
			url, _ := image.Locate(e.Key, actual)
			if err := r.keep(gctx, download{url: url, want: e.Digest, size: e.Size, limit: e.Size}); err != nil {
				return unfetched(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; onFetch != nil {
				onFetch(path.Base(e.Key), done, len(todo))
			}
			return nil
		})
	}
	return g.Wait()
}

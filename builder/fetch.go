package builder

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// haveInputs makes sure that the store has every byte that the lock names, fetching what is missing from where it was
// recorded. Other bytes than locked are never used.
func (h *Host) haveInputs(ctx context.Context, l *lock.Lock, offlineOnly bool) error {
	missing := map[digest.Digest]lock.Entry{}
	for _, e := range l.Entries {
		if e.Kind == lock.KindImage {
			if !h.hasImage(e.Digest) {
				missing[e.Digest] = e
			}
			continue
		}
		for _, d := range []digest.Digest{e.Digest, e.Headers} {
			if d != "" && !h.Store.Has(d) {
				missing[d] = e
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if offlineOnly {
		return diag.Errorf("A0338", "the store lacks %d locked inputs", len(missing)).WithHelp("build once without --offline")
	}
	h.notice("fetching %d locked inputs that the store lacks", len(missing))
	for d, e := range missing {
		if err := h.fetch(ctx, d, e); err != nil {
			return err
		}
	}
	return nil
}

// hasImage looks at the manifest only; a layer that is missing is found when the builder reads it.
func (h *Host) hasImage(d digest.Digest) bool { return h.Store.Has(d) }

// fetch gets one locked input again.
func (h *Host) fetch(ctx context.Context, d digest.Digest, e lock.Entry) error {
	if e.Kind == lock.KindImage {
		ref := repositoryOf(e.Key) + "@" + e.Digest.String()
		if _, err := h.Registry.CopyTo(ctx, ref, e.Platform, sink{h.Store}); err != nil {
			return err
		}
		return nil
	}
	if d == e.Headers {
		return diag.Errorf("A0336", "the headers of `%s` are missing from the store", e.Key).WithHelp("run `selfsame lock`")
	}
	url, err := h.upstream(ctx, e.Key)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", e.Key, err)
	}
	if e.Accept != "" {
		req.Header.Set("Accept", e.Accept)
	}
	resp, err := h.HTTP.RoundTrip(req)
	if err != nil {
		return diag.Errorf("A0336", "fetching locked input `%s`: %w", e.Key, err).WithHelp("check the network, or restore the store")
	}
	defer resp.Body.Close()
	if want := max(e.Status, http.StatusOK); resp.StatusCode != want {
		return diag.Errorf("A0336", "fetching locked input `%s`: upstream answered %s", e.Key, resp.Status).WithHelp("restore the store, or run `selfsame lock --upgrade`")
	}
	got, err := h.Store.Put(ctx, resp.Body, e.Size)
	if err == nil && got.Digest == d {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(diag.Errorf("A0337", "`%s` is not what was locked any more", e.Key).
		WithWhy("upstream serves other bytes under the same address").WithHelp("run `selfsame lock --upgrade` and review the change"), err)
}

// upstream is where a key is really fetched from: Debian's neutral name stands for the machine's own mirror.
func (h *Host) upstream(ctx context.Context, key string) (string, error) {
	if !strings.HasPrefix(key, "http://"+debian.InvalidHost+"/") {
		return key, nil
	}
	neutral, err := debian.ImageMirrors(recipes.Debian{})
	if err != nil {
		return "", err
	}
	actual, err := h.Mirrors(ctx)
	if err != nil {
		return "", fmt.Errorf("finding a Debian mirror: %w", err)
	}
	url, _ := neutral.Locate(key, actual)
	return url, nil
}

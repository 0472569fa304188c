package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry/seal"
)

// haveInputs makes sure that the store has every byte that the lock names, fetching what is missing from where it was
// recorded. Other bytes than locked are never used.
func (h *Host) haveInputs(ctx context.Context, p *project, l *lock.Lock, offlineOnly bool) error {
	missing := map[digest.Digest]lock.Entry{}
	for _, e := range l.Entries {
		if e.Kind == lock.KindImage || e.Kind == lock.KindGit {
			if !h.hasImage(e.Digest) {
				missing[e.Digest] = e
			}
			continue
		}
		has, err := h.hasInput(e)
		if err != nil {
			return err
		}
		if !has {
			missing[e.Digest] = e
		}
		if e.Headers != "" && !h.Store.Has(e.Headers) {
			missing[e.Headers] = e
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if offlineOnly {
		return diag.Errorf("A0338", "the store lacks %d locked inputs, and --offline forbids fetching them", len(missing)).
			WithHelp("build once without --offline")
	}
	h.notice("fetching %d locked inputs that the store lacks", len(missing))
	for _, d := range slices.Sorted(maps.Keys(missing)) {
		fetch := func() error { return h.fetch(ctx, d, missing[d]) }
		if missing[d].Kind == lock.KindGit {
			fetch = func() error { return h.refetch(ctx, p, missing[d]) }
		}
		if err := fetch(); err != nil {
			return err
		}
	}
	return nil
}

// hasInput says whether an input is there, by its size; one of another size is read, and dropped when it is damaged. A bit that
// flipped is found when the blob is used (repaired).
func (h *Host) hasInput(e lock.Entry) (bool, error) {
	size := h.Store.Size(e.Digest)
	if size < 0 || size == e.Size {
		return size >= 0, nil
	}
	if err := h.Store.Verify(e.Digest); err == nil {
		return false, diag.Errorf("A0332", "the lock says that `%s` has %d bytes, but what it names has %d", e.Key, e.Size, size).
			WithWhy("somebody edited the lock").WithHelp("run `selfsame lock`")
	} else if !errors.Is(err, inputs.ErrCorrupt) {
		return false, err
	}
	return false, h.Store.Remove(e.Digest)
}

// hasImage says whether a manifest, its config and its layers are there.
func (h *Host) hasImage(d digest.Digest) bool {
	c := collect(h.Store)
	if err := c.image(d, ""); err != nil {
		return false
	}
	return !slices.ContainsFunc(c.list, func(b seal.Blob) bool { return h.Store.Size(b.Digest) != b.Size })
}

// repaired does something that reads the store and uses builders; where it fails for a damage that can be mended (blobs of the
// store, half fetched layers of a builder), it mends that and does it once more.
func repaired[T any](ctx context.Context, h *Host, do func() (T, error)) (T, error) {
	res, err := do()
	if err == nil || ctx.Err() != nil {
		return res, err
	}
	mended, err2 := h.dropDamaged()
	if strings.Contains(err.Error(), "unsupported offset") {
		h.notice("a builder was interrupted while it fetched a layer; starting it anew")
		mended, err2 = true, errors.Join(err2, h.Daemons.Renew(ctx))
	}
	if err2 != nil || !mended {
		return res, errors.Join(err, err2)
	}
	return do()
}

// dropDamaged removes the blobs that turned out to be damaged while they were used, so that they are fetched or made again.
func (h *Host) dropDamaged() (bool, error) {
	list := h.Store.Damaged()
	for _, d := range list {
		h.notice("%s is damaged in the store", d)
		if err := h.Store.Remove(d); err != nil {
			return false, err
		}
	}
	return len(list) > 0, nil
}

// fetch gets one locked input again.
func (h *Host) fetch(ctx context.Context, d digest.Digest, e lock.Entry) error {
	if e.Kind == lock.KindImage {
		ref := repositoryOf(e.Key) + "@" + e.Digest.String()
		if _, err := h.Registry.CopyTo(ctx, ref, e.Platform, sink{h.Store}); err != nil {
			return err
		}
		return nil
	}
	if e.Evidence == inputs.EvidenceRefused { // the bytes are ours, and upstream is not to be asked
		body, headers := inputs.RefusalAgain(e)
		if d == e.Headers {
			body = headers
		}
		return h.keep(ctx, d, e, bytes.NewReader(body), int64(len(body)))
	}
	url, err := h.upstream(ctx, e.Key)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", e.Key, err)
	}
	req.Header.Set("Accept-Encoding", "identity") // the very bytes: what is packed on the way has another digest
	if e.Accept != "" {
		req.Header.Set("Accept", e.Accept)
	}
	resp, err := h.patiently(req)
	if err != nil {
		return diag.Errorf("A0336", "fetching locked input `%s`: %w", e.Key, err).WithHelp("check the network, or restore the store")
	}
	defer resp.Body.Close()
	if want := max(e.Status, http.StatusOK); resp.StatusCode != want {
		return diag.Errorf("A0336", "fetching locked input `%s`: upstream answered %s", e.Key, resp.Status).WithHelp("restore the store, or run `selfsame lock --upgrade`")
	}
	body, limit := io.Reader(resp.Body), e.Size
	if d == e.Headers {
		text := inputs.HeadersAgain(e, resp.Header, url != e.Key)
		body, limit = bytes.NewReader(text), int64(len(text))
	}
	return h.keep(ctx, d, e, body, limit)
}

// keep puts what was fetched again into the store, if it is what was locked.
func (h *Host) keep(ctx context.Context, d digest.Digest, e lock.Entry, body io.Reader, limit int64) error {
	got, err := h.Store.Put(ctx, body, limit)
	switch {
	case err == nil && got.Digest == d:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.ENOSPC):
		return err
	case err != nil && !errors.Is(err, inputs.ErrTooLarge): // the rest did not come
		return diag.Errorf("A0336", "fetching locked input `%s`: %w", e.Key, err).WithHelp("try again, or restore the store")
	}
	what, why := e.Key, "upstream serves other bytes under the same address"
	if d == e.Headers {
		what, why = "the headers of "+e.Key, "upstream serves the same address with other headers, which a step can see"
	}
	return errors.Join(diag.Errorf("A0337", "`%s` is not what was locked any more", what).
		WithWhy(why).WithHelp("run `selfsame lock --upgrade` and review the change"), err)
}

// patiently sends a request until it is answered, at most fetchTries times: look-ups that fail when many run at once, resets and
// overload pass.
func (h *Host) patiently(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := h.HTTP.RoundTrip(req)
		busy := err == nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError)
		if try == fetchTries || err == nil && !busy || errors.Is(err, syscall.ECONNREFUSED) {
			return resp, err
		}
		if busy {
			_ = resp.Body.Close()
		}
		select {
		case <-time.After(fetchPause << (try - 1)):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
	}
}

// The tries of one request, and the pause before the second; each later one is twice as long.
const (
	fetchTries = 5
	fetchPause = 250 * time.Millisecond
)

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

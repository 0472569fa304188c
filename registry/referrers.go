package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Referrers lists the manifests that speak about d: from the referrers API, all its pages, or where the registry has none,
// from the fallback tag (distribution-spec "Listing Referrers"). Every entry's manifest is read; what the listing says of it
// counts for nothing. An entry that turns out to be something else is in Rejected; a bound that is reached is the diagnostic
// A0515 with an *artifact.IncompleteError in its chain; an entry that could not be fetched for want of an answer fails the
// call, because it might be the one that matters.
func (r *Repository) Referrers(ctx context.Context, d digest.Digest, b artifact.Budget) (artifact.Listing, error) {
	doing := fmt.Sprintf("listing the referrers of %s in %s", d, r.Name())
	if err := artifact.CheckDigest(d); err != nil {
		return artifact.Listing{}, diag.Errorf(codeMalformed, "%s: %w", doing, err)
	}
	b = b.WithDefaults()
	entries, _, err := r.list(ctx, d, b)
	if err != nil {
		return artifact.Listing{}, r.explain(ctx, doing, err)
	}
	listing, err := r.readReferrers(ctx, d, entries, b)
	if err == nil && len(entries) == 0 {
		listing.Legacy, err = r.readLegacy(ctx, d, b.Slots)
	}
	return listing, r.explain(ctx, doing, err)
}

// readReferrers reads the manifest of every entry.
func (r *Repository) readReferrers(ctx context.Context, d digest.Digest, entries []artifact.Descriptor, b artifact.Budget) (artifact.Listing, error) {
	total := int64(0)
	for _, e := range entries {
		if total += e.Size; total > b.Bytes {
			return artifact.Listing{}, &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d bytes of manifests", b.Bytes)}
		}
	}
	found := make([]artifact.Referrer, len(entries))
	reasons := make([]string, len(entries))
	err := inOrder(len(entries), max(r.client.opts.Jobs, cap(b.Slots)), func(i int) error {
		return b.Slots.Do(ctx, func() (err error) {
			found[i], reasons[i], err = r.readReferrer(ctx, entries[i], d, b.ManifestBytes)
			return err
		})
	})
	if err != nil {
		return artifact.Listing{}, err
	}
	var l artifact.Listing
	for i, reason := range reasons {
		if reason == "" {
			l.Referrers = append(l.Referrers, found[i])
		} else {
			l.Rejected = append(l.Rejected, artifact.Rejected{Descriptor: entries[i], Reason: reason})
		}
	}
	return l, nil
}

// inOrder calls f for 0 to n-1, at most limit at a time, and gives the error of the first in that order, whichever came first in time.
// Once one has failed, no more than the next is begun.
func inOrder(n, limit int, f func(i int) error) error {
	errs := make([]error, n)
	var failed atomic.Bool
	var group errgroup.Group
	group.SetLimit(limit)
	for i := 0; i < n && !failed.Load(); i++ {
		group.Go(func() error {
			if errs[i] = f(i); errs[i] != nil {
				failed.Store(true)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in their slice
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Repository) readReferrer(ctx context.Context, e artifact.Descriptor, subject digest.Digest, limit int64) (found artifact.Referrer, reason string, err error) {
	if e.Size > limit {
		return found, fmt.Sprintf("a manifest of %d bytes, the limit is %d", e.Size, limit), nil
	}
	desc, raw, err := r.getManifest(ctx, e.Digest.String())
	switch {
	case errors.Is(err, errNotFound):
		return found, "listed, and not there", nil
	case err != nil:
		return found, "", err
	case desc.Digest != e.Digest:
		return found, fmt.Sprintf("the registry serves %s under its name", desc.Digest), nil
	}
	if found, err = artifact.ReadReferrer(e, raw, subject); err != nil {
		return found, err.Error(), nil
	}
	return found, "", nil
}

// list gives the entries as listed, each digest once, and whether the referrers API gave them.
func (r *Repository) list(ctx context.Context, d digest.Digest, b artifact.Budget) (entries []artifact.Descriptor, api bool, err error) {
	entries, api, err = r.listAPI(ctx, d, b)
	if err != nil || api {
		return entries, api, err
	}
	err = b.Slots.Do(ctx, func() (err error) {
		entries, err = r.readFallback(ctx, d)
		return err
	})
	if err == nil && len(entries) > b.Referrers {
		err = &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d referrers", b.Referrers)}
	}
	return entries, false, err
}

// listAPI asks the referrers API for all its pages; api is false when the registry has none.
func (r *Repository) listAPI(ctx context.Context, d digest.Digest, b artifact.Budget) (entries []artifact.Descriptor, api bool, err error) {
	err = r.pages(ctx, d, b, func(found []artifact.Descriptor, _ bool) bool {
		entries, api = found, true
		return true
	})
	return entries, api || err != nil, err
}

// pages asks the referrers API for page after page and hands on what was listed until then, each digest once, and whether there is more,
// for as long as the answer is to go on. It is never called where there is no API.
func (r *Repository) pages(ctx context.Context, d digest.Digest, b artifact.Budget, goOn func(entries []artifact.Descriptor, more bool) bool) error {
	s, err := r.session(ctx, false)
	if err != nil {
		return err
	}
	var entries []artifact.Descriptor
	seen := map[digest.Digest]bool{}
	next := s.url("referrers", d.String())
	for page := 1; next != ""; page++ {
		if page > b.Pages {
			return &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d pages", b.Pages)}
		}
		var raw []byte
		var after string
		err := b.Slots.Do(ctx, func() (err error) {
			raw, after, err = r.page(ctx, s, next, b.ManifestBytes)
			return err
		})
		if errors.Is(err, errNoAPI) && page == 1 {
			return nil
		}
		if err != nil {
			return err
		}
		parsed, err := artifact.Parse(v1.MediaTypeImageIndex, raw)
		if err != nil {
			return diag.Errorf(codeMalformed, "page %d of the listing: %w", page, err)
		}
		for _, e := range parsed.Index.Manifests {
			if !seen[e.Digest] {
				seen[e.Digest] = true
				entries = append(entries, e)
			}
		}
		if len(entries) > b.Referrers {
			return &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d referrers", b.Referrers)}
		}
		next = after
		if !goOn(entries, next != "") {
			return nil
		}
	}
	return nil
}

// errNoAPI: the registry does not know the referrers API.
var errNoAPI = errors.New("no referrers API")

func (r *Repository) page(ctx context.Context, s *session, address string, limit int64) (raw []byte, next string, err error) {
	_, raw, err = again(ctx, func(ctx context.Context) (artifact.Descriptor, []byte, error) {
		var none artifact.Descriptor
		resp, err := s.do(ctx, http.MethodGet, address, nil, http.Header{"Accept": {v1.MediaTypeImageIndex}})
		if err != nil {
			return none, nil, err
		}
		switch resp.StatusCode {
		// > If the registry does not support the referrers API, it MUST return 404. Older ones answer otherwise.
		case http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
			discard(resp)
			return none, nil, errNoAPI
		}
		if err := wanted(resp, http.StatusOK); err != nil {
			return none, nil, err
		}
		defer resp.Body.Close()
		if mediaType(resp.Header) != v1.MediaTypeImageIndex {
			return none, nil, errNoAPI
		}
		if next, err = nextPage(resp); err != nil {
			return none, nil, err
		}
		raw, err := readAll(resp, limit)
		return none, raw, err
	})
	return raw, next, err
}

// nextPage reads the Link header (RFC 8288). The next page is on the same host and below the same path, or it is refused:
// a listing must not send our credentials, or us, elsewhere.
func nextPage(resp *http.Response) (string, error) {
	for _, link := range strings.Split(strings.Join(resp.Header.Values("Link"), ","), ",") {
		address, params, found := strings.Cut(link, ">")
		address = strings.TrimPrefix(strings.TrimSpace(address), "<")
		if !found || !isNext(params) {
			continue
		}
		next, err := url.Parse(address)
		if err != nil {
			return "", diag.Errorf(codeMalformed, "the listing's next page: %w", err)
		}
		here := resp.Request.URL
		abs := here.ResolveReference(next)
		if abs.Host != here.Host || abs.Path != here.Path || abs.User != nil {
			return "", diag.Errorf(codeMalformed, "the listing's next page is elsewhere: %s", oneLine(abs.Redacted()))
		}
		abs.Scheme = here.Scheme
		return abs.String(), nil
	}
	return "", nil
}

func isNext(params string) bool {
	for _, p := range strings.Split(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(key, "rel") && strings.EqualFold(strings.Trim(value, `"`), "next") {
			return true
		}
	}
	return false
}

// fallbackTag is where a registry without the API keeps the list (distribution-spec "Referrers Tag Schema").
func fallbackTag(d digest.Digest) string { return d.Algorithm().String() + "-" + d.Encoded() }

// readFallback reads the list under the fallback tag; none is an empty one.
func (r *Repository) readFallback(ctx context.Context, d digest.Digest) ([]artifact.Descriptor, error) {
	desc, raw, err := r.getManifest(ctx, fallbackTag(d))
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	parsed, err := artifact.Parse(desc.MediaType, raw)
	if err != nil || parsed.Index == nil {
		return nil, diag.Errorf(codeMalformed, "the tag %s is no index of referrers: %w", fallbackTag(d), err)
	}
	var entries []artifact.Descriptor
	seen := map[digest.Digest]bool{}
	for _, e := range parsed.Index.Manifests {
		if !seen[e.Digest] {
			seen[e.Digest] = true
			entries = append(entries, e)
		}
	}
	return entries, nil
}

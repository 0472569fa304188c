package debian

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"net/http"
	"time"

	digest "github.com/opencontainers/go-digest"
)

// StatusError is an HTTP answer other than 200.
type StatusError struct {
	URL    string
	Status int
}

func (e *StatusError) Error() string { return fmt.Sprintf("%s: HTTP status %d", e.URL, e.Status) }

// HTTP is a Fetcher over an http.Client. The client's transport decides about proxies and time limits.
type HTTP struct{ Client *http.Client }

// Get asks for the very bytes: a server that packs files on the way would change what is hashed.
func (h HTTP) Get(ctx context.Context, url string) (io.ReadCloser, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	res, err := h.Client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, 0, &StatusError{url, res.StatusCode}
	}
	return res.Body, res.ContentLength, nil
}

// errMismatch: the mirror sent other bytes than the ones vouched for.
var errMismatch = errors.New("the mirror sent other bytes")

// download is one thing to get. Want and Size are what the signed index says; empty and -1 when nothing is known.
type download struct {
	url   string
	want  digest.Digest
	size  int64
	limit int64 // bytes
}

// tries of one download. A resolver that drops queries, or a mirror that closes connections, usually does so for seconds.
const tries = 6

// fetcher adds patience to a Fetcher.
type fetcher struct {
	Fetcher
	wait func(ctx context.Context, d time.Duration) error
}

// get hands the body to sink and tries again when the network, not the sink, fails: after 0.25, 0.5, 1, 2 and 4 seconds and
// up to half of that again. The jitter comes from the URL, so that parallel downloads spread without a random source.
// Wrong bytes are asked for twice, for a proxy may have mangled them; a clear no (404 and the like) is final.
func (f fetcher) get(ctx context.Context, d download, sink func(io.Reader) error) error {
	var err error
	mismatches := 0
	for try := range tries {
		if try > 0 {
			if werr := f.pause(ctx, d.url, try); werr != nil {
				return werr
			}
		}
		if err = f.once(ctx, d, sink); err == nil || ctx.Err() != nil {
			break
		}
		if errors.Is(err, errMismatch) {
			mismatches++
		}
		if !transient(err) || mismatches > 1 {
			break
		}
	}
	return err
}

func (f fetcher) pause(ctx context.Context, url string, try int) error {
	h := fnv.New32a()
	_, _ = io.WriteString(h, url)
	d := 250 * time.Millisecond << (try - 1)
	d += d / 2 * time.Duration(h.Sum32()%1000) / 1000
	if f.wait != nil {
		return f.wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// sinkError marks a failure on our side (a full disk), which no second try mends.
type sinkError struct{ error }

func (e sinkError) Unwrap() error { return e.error }

func (f fetcher) once(ctx context.Context, d download, sink func(io.Reader) error) error {
	body, size, err := f.Get(ctx, d.url)
	if err != nil {
		return fmt.Errorf("fetching %s: %w", d.url, err)
	}
	defer body.Close()
	if d.size >= 0 && size >= 0 && size != d.size {
		return fmt.Errorf("fetching %s: %w (%d bytes, not %d)", d.url, errMismatch, size, d.size)
	}
	if d.size >= 0 {
		size = d.size
	}
	r := &checked{r: body, want: d.want, size: size, limit: d.limit, hash: digest.SHA256.Hash()}
	err = sink(r)
	switch {
	case r.err != nil:
		return fmt.Errorf("fetching %s: %w", d.url, r.err)
	case err != nil:
		return sinkError{err}
	case !r.ended:
		return sinkError{fmt.Errorf("fetching %s: not read to its end", d.url)}
	}
	return nil
}

// transient says whether a second try may help.
func transient(err error) bool {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Status >= 500 || s.Status == http.StatusRequestTimeout || s.Status == http.StatusTooManyRequests
	}
	var ours sinkError
	return !errors.As(err, &ours) && !errors.Is(err, errTooLarge)
}

var errTooLarge = errors.New("it is larger than allowed")

// checked ends in an error unless the bytes are the wanted ones, so that a store behind it keeps nothing wrong.
type checked struct {
	r     io.Reader
	want  digest.Digest
	size  int64 // -1: unknown
	limit int64
	hash  hash.Hash
	n     int64
	err   error // what went wrong on the way here
	ended bool
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.hash.Write(p[:n])
	ended := err == io.EOF
	switch {
	case c.n > c.limit:
		c.err = errTooLarge
	case c.size >= 0 && c.n > c.size:
		c.err = fmt.Errorf("%w (more than %d bytes)", errMismatch, c.size)
	case ended && c.size >= 0 && c.n < c.size:
		c.err = io.ErrUnexpectedEOF
	case ended && c.want != "" && digest.NewDigest(digest.SHA256, c.hash) != c.want:
		c.err = fmt.Errorf("%w (not %s)", errMismatch, c.want)
	case ended:
		c.ended = true
	case err != nil:
		c.err = err
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, err
}

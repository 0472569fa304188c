package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Blob reads a blob of at most limit bytes, which hash to its digest. What its descriptor carries is not asked for.
func (r *Repository) Blob(ctx context.Context, blob artifact.Descriptor, limit int64) ([]byte, error) {
	doing := fmt.Sprintf("reading blob %s of %s", blob.Digest, r.Name())
	if err := artifact.CheckDescriptor(blob); err != nil {
		return nil, r.explain(ctx, doing, err)
	}
	if raw, there := artifact.Inline(blob, limit); there {
		return raw, nil
	}
	_, raw, err := again(ctx, func(ctx context.Context) (artifact.Descriptor, []byte, error) {
		body, err := r.openBlob(ctx, blob)
		if err != nil {
			return blob, nil, err
		}
		defer body.Close()
		raw, err := artifact.ReadVerified(body, blob, limit)
		return blob, raw, err
	})
	return raw, r.explain(ctx, doing, err)
}

// openBlob starts a download. What it gives is not verified yet.
func (r *Repository) openBlob(ctx context.Context, blob artifact.Descriptor) (io.ReadCloser, error) {
	s, err := r.session(ctx, false)
	if err != nil {
		return nil, err
	}
	resp, err := s.do(ctx, http.MethodGet, s.url("blobs", blob.Digest.String()), nil, nil)
	if err != nil {
		return nil, err
	}
	if err := wanted(resp, http.StatusOK); err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// hasBlob asks whether the blob is there with the right size. A registry that answers oddly has it not.
func (s *session) hasBlob(ctx context.Context, blob artifact.Descriptor) (bool, error) {
	resp, err := s.do(ctx, http.MethodHead, s.url("blobs", blob.Digest.String()), nil, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return false, wanted(resp, http.StatusOK)
	}
	return resp.StatusCode == http.StatusOK && resp.ContentLength == blob.Size, nil
}

// opener opens content from its first byte, every time it is called.
type opener func() (io.ReadCloser, error)

// pushBlob stores a blob, unless it is there. A transfer that breaks off is started over, three times in all.
func (r *Repository) pushBlob(ctx context.Context, blob artifact.Descriptor, open opener) error {
	s, err := r.session(ctx, true)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, blobTimeout(blob.Size), fmt.Errorf("%w: slower than %d bytes a second", errStalled, minRate))
	defer cancel()
	progress := Progress{Digest: blob.Digest.String(), Total: blob.Size, State: "start"}
	r.client.report(progress)
	for attempt := 1; ; attempt++ {
		there, err := s.hasBlob(ctx, blob)
		if err == nil && there {
			progress.Done, progress.State = blob.Size, "exists"
			r.client.report(progress)
			return nil
		}
		if err == nil {
			err = r.upload(ctx, s, blob, open)
		}
		if err == nil {
			progress.Done, progress.State = blob.Size, "done"
			r.client.report(progress)
			return nil
		}
		if attempt == 3 || ctx.Err() != nil || !worthAnotherUpload(err) {
			return because(ctx, err)
		}
		if err := sleep(ctx, time.Duration(attempt)*time.Second/2); err != nil {
			return err
		}
	}
}

// worthAnotherUpload: a refusal stays one, damaged content too; anything else may have been the connection or a token that
// ran out in the middle.
func worthAnotherUpload(err error) bool {
	var mismatch *artifact.MismatchError
	switch code := status(err); {
	case errors.As(err, &mismatch), errors.Is(err, errStalled):
		return false
	case code >= 400 && code < 500:
		return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code == http.StatusNotFound || code == http.StatusRequestedRangeNotSatisfiable
	}
	return true
}

// upload sends a blob in one piece: POST for a place, PUT of the bytes (distribution-spec "POST then PUT").
func (r *Repository) upload(ctx context.Context, s *session, blob artifact.Descriptor, open opener) error {
	resp, err := s.do(ctx, http.MethodPost, s.url("blobs", "uploads/"), nil, nil)
	if err != nil {
		return err
	}
	if err := wanted(resp, http.StatusAccepted); err != nil {
		return err
	}
	place, err := uploadPlace(resp, blob)
	discard(resp)
	if err != nil {
		return err
	}
	content, err := open()
	if err != nil {
		return err
	}
	// The content is checked while it is sent: at a mismatch the body ends in an error and the registry commits nothing.
	sent := &counted{r: artifact.Verified(content, blob), close: content.Close, client: r.client, progress: Progress{Digest: blob.Digest.String(), Total: blob.Size, State: "moving"}}
	defer sent.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, place, sent)
	if err != nil {
		return err
	}
	req.ContentLength = blob.Size
	if blob.Size == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if resp, err = s.http.Do(req); err != nil {
		if failed := sent.failure(); failed != nil {
			return failed
		}
		return err
	}
	if err := wanted(resp, http.StatusCreated); err != nil {
		return err
	}
	discard(resp)
	return nil
}

// uploadPlace is the Location of an upload, which may be relative, with the digest added to its query.
func uploadPlace(resp *http.Response, blob artifact.Descriptor) (string, error) {
	place, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return "", errors.New("the registry named no place to upload to")
	}
	q := url.Values{"digest": {blob.Digest.String()}}.Encode()
	if place.RawQuery != "" {
		q = place.RawQuery + "&" + q
	}
	place.RawQuery = q
	return place.String(), nil
}

// blobTimeout is the longest that a blob's transfer may take.
func blobTimeout(size int64) time.Duration {
	return smallTimeout + time.Duration(size/minRate)*time.Second
}

// counted is content on its way. It reports progress, every MiB and at the end, and remembers why reading failed. Whoever carries it may still
// read when the answer is there (net/http.RoundTripper), and is given nothing more once it is closed.
type counted struct {
	client *Client

	mu       sync.Mutex
	r        io.Reader // nil: closed
	close    func() error
	progress Progress
	reported int64
	err      error
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r == nil {
		return 0, os.ErrClosed
	}
	n, err := c.r.Read(p)
	c.progress.Done += int64(n)
	if c.progress.Done-c.reported >= 1<<20 {
		c.reported = c.progress.Done
		c.client.report(c.progress)
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// Close implements io.Closer; any but the first does nothing.
func (c *counted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r == nil {
		return nil
	}
	c.r = nil
	return c.close()
}

// failure is why reading failed, if it did.
func (c *counted) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

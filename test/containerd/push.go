package containerd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/opencontainers/go-digest"
)

// Push puts the image into a registry's repository (HOST:PORT, plain HTTP, no login), and lets a tag lead to its index.
func (i *Image) Push(ctx context.Context, host, repository, tag string) error {
	base := "http://" + host + "/v2/" + repository
	for d, content := range i.blobs {
		if i.media[d] == "" {
			if err := pushBlob(ctx, base, d, content); err != nil {
				return err
			}
		}
	}
	for _, m := range []struct {
		digest digest.Digest
		as     string
	}{{i.Manifest, i.Manifest.String()}, {i.Index, tag}} {
		if err := Put(ctx, base+"/manifests/"+m.as, i.media[m.digest], i.blobs[m.digest]); err != nil {
			return err
		}
	}
	return nil
}

// Put stores a manifest.
func Put(ctx context.Context, address, mediaType string, raw []byte) error {
	_, err := send(ctx, http.MethodPut, address, mediaType, raw)
	return err
}

func pushBlob(ctx context.Context, base string, d digest.Digest, content []byte) error {
	res, err := send(ctx, http.MethodPost, base+"/blobs/uploads/", "", nil)
	if err != nil {
		return err
	}
	where, err := res.Location()
	if err != nil {
		return err
	}
	query := where.Query()
	query.Set("digest", d.String())
	where.RawQuery = query.Encode()
	_, err = send(ctx, http.MethodPut, where.String(), "application/octet-stream", content)
	return err
}

func send(ctx context.Context, method, address, contentType string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, address, res.Status, text)
	}
	return res, err
}

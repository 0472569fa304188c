package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

var _ artifact.Store = (*Repository)(nil)

// Manifest reads the manifest or index d, at most artifact.MaxManifest bytes, which hash to d.
func (r *Repository) Manifest(ctx context.Context, d digest.Digest) (artifact.Descriptor, []byte, error) {
	doing := fmt.Sprintf("reading manifest %s of %s", d, r.Name())
	if err := artifact.CheckDigest(d); err != nil {
		return artifact.Descriptor{}, nil, diag.Errorf(codeMalformed, "%s: %w", doing, err)
	}
	desc, raw, err := r.getManifest(ctx, d.String())
	if err == nil && desc.Digest != d {
		err = &artifact.MismatchError{Want: artifact.Descriptor{Digest: d}, Reason: fmt.Sprintf("the bytes hash to %s", desc.Digest)}
	}
	if err != nil {
		return artifact.Descriptor{}, nil, r.explain(ctx, doing, err)
	}
	return desc, raw, nil
}

// getManifest reads what a tag or digest leads to. The descriptor's digest is that of the bytes; an answer whose own
// Docker-Content-Digest says otherwise is refused.
func (r *Repository) getManifest(ctx context.Context, item string) (artifact.Descriptor, []byte, error) {
	var none artifact.Descriptor
	s, err := r.session(ctx, false)
	if err != nil {
		return none, nil, err
	}
	return again(ctx, func(ctx context.Context) (artifact.Descriptor, []byte, error) {
		resp, err := s.do(ctx, http.MethodGet, s.url("manifests", item), nil, http.Header{"Accept": artifact.ManifestTypes})
		if err != nil {
			return none, nil, err
		}
		if err := wanted(resp, http.StatusOK); err != nil {
			return none, nil, err
		}
		defer resp.Body.Close()
		raw, err := readAll(resp, artifact.MaxManifest)
		if err != nil {
			return none, nil, err
		}
		desc := artifact.Descriptor{
			MediaType: mediaType(resp.Header),
			Digest:    digest.FromBytes(raw),
			Size:      int64(len(raw)),
		}
		if said := resp.Header.Get("Docker-Content-Digest"); strings.HasPrefix(said, "sha256:") && said != desc.Digest.String() {
			return none, nil, &artifact.MismatchError{Want: artifact.Descriptor{Digest: desc.Digest}, Reason: fmt.Sprintf("the registry calls it %.80s", said)}
		}
		return desc, raw, nil
	})
}

// again repeats a read whose body broke off, three times in all: the retrier below only sees the headers of an answer.
func again(ctx context.Context, read func(context.Context) (artifact.Descriptor, []byte, error)) (desc artifact.Descriptor, raw []byte, err error) {
	for range 3 {
		func() {
			ctx, cancel := context.WithTimeoutCause(ctx, smallTimeout, fmt.Errorf("%w: not done within %s", errStalled, smallTimeout))
			defer cancel()
			if desc, raw, err = read(ctx); err != nil {
				err = because(ctx, err)
			}
		}()
		if err == nil || !lostConnection(err) || ctx.Err() != nil {
			return desc, raw, err
		}
	}
	return desc, raw, err
}

// putManifest stores raw under a digest or tag and says whether the registry answered that it keeps referrers itself
// (OCI-Subject).
func (r *Repository) putManifest(ctx context.Context, item, mediaType string, raw []byte) (knowsSubject bool, err error) {
	s, err := r.session(ctx, true)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, smallTimeout, fmt.Errorf("%w: not done within %s", errStalled, smallTimeout))
	defer cancel()
	resp, err := s.do(ctx, http.MethodPut, s.url("manifests", item), bytes.NewReader(raw), http.Header{"Content-Type": {mediaType}})
	if err != nil {
		return false, because(ctx, err)
	}
	if err := wanted(resp, http.StatusCreated, http.StatusOK, http.StatusAccepted); err != nil {
		return false, err
	}
	defer discard(resp)
	want := digest.FromBytes(raw)
	if said := resp.Header.Get("Docker-Content-Digest"); strings.HasPrefix(said, "sha256:") && said != want.String() {
		return false, &artifact.MismatchError{Want: artifact.Descriptor{Digest: want}, Reason: fmt.Sprintf("the registry stored it as %.80s", said)}
	}
	return resp.Header.Get("OCI-Subject") != "", nil
}

// mediaType is the answer's content type without its parameters.
func mediaType(h http.Header) string {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(t)
}

func readAll(resp *http.Response, limit int64) ([]byte, error) {
	// Room for what is said to come and for the read that finds nothing more; for what claims to be large, only as it comes.
	buf := bytes.NewBuffer(make([]byte, 0, max(min(resp.ContentLength, limit, trustedLength), 0)+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(buf.Len()) > limit {
		err = diag.Errorf(codeMalformed, "an answer of more than %d bytes", limit)
	}
	return buf.Bytes(), err
}

// trustedLength is how many bytes are set aside because a registry says that they will come: a manifest with the largest bundle that it carries.
const trustedLength = 2 * artifact.MaxInline

package compare

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
)

// LayerReader walks the entries of one layer's tar. Whoever has seen io.EOF from Next has read exactly the bytes that the
// manifest and the config name: blob digest, size and diffID were checked by then.
type LayerReader struct {
	img     *Image
	s       *stream
	t       *tar.Reader
	lim     Limits
	entries int
	read    int64
	regular bool
}

// ReadLayer opens layer index (from 0). Errors are diagnostics (A0403), or a done ctx.
func (i *Image) ReadLayer(ctx context.Context, index int, lim Limits) (*LayerReader, error) {
	s, err := i.openStream(ctx, index, lim)
	if err != nil {
		return nil, i.inLayer(index, err)
	}
	return &LayerReader{img: i, s: s, t: tar.NewReader(s), lim: lim.filled()}, nil
}

// Next moves to the next entry. Names and all else in the header are untrusted.
func (r *LayerReader) Next() (*tar.Header, error) {
	h, err := r.t.Next()
	if err == io.EOF {
		if err := r.s.verify(); err != nil {
			return nil, r.fault(err)
		}
		return nil, io.EOF
	}
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
		return nil, r.fault(err)
	}
	if r.entries++; r.entries > r.lim.Entries {
		return nil, r.fault(fmt.Errorf("more than %d entries", r.lim.Entries))
	}
	r.regular = hasContent(h.Typeflag)
	return h, nil
}

func (r *LayerReader) fault(err error) error { return r.img.inLayer(r.s.layer.Index, err) }

// hasContent says whether an entry is a kind of file: whatever is not known to be a header alone, as POSIX wants unknown
// types read, and GNU's sparse and contiguous files among them.
func hasContent(flag byte) bool {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader:
		return false
	}
	return true
}

// Read reads the current entry's content; directories, links and the like have none. A sparse file's holes count against the limit,
// although they cost nothing in the tar.
func (r *LayerReader) Read(p []byte) (int, error) {
	if !r.regular {
		return 0, io.EOF
	}
	n, err := r.t.Read(p)
	if r.read += int64(n); r.read > r.s.limit {
		return n, r.fault(fmt.Errorf("files are larger than %d bytes together", r.s.limit))
	}
	if err != nil && err != io.EOF {
		return n, r.fault(err)
	}
	// A sparse hole is made up without reading the stream, which would never look at the context.
	if done := r.s.ctx.Err(); err == nil && done != nil {
		return n, r.fault(done)
	}
	return n, err
}

// Close frees what the reader holds.
func (r *LayerReader) Close() error { return r.s.Close() }

package inside

import (
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/zstd"
)

// packing is a compressed stream that holds one thing and hardly says anything of its own.
type packing struct {
	format string
	open   func(File) (io.ReadCloser, error)
	fields func(File) []attr // what the stream's head says of its encoder
}

func (p packing) view(c *comparer, at place, a, b File) bool {
	x, ok := p.unpack(c, a)
	if !ok {
		return false
	}
	defer x.close()
	y, ok := p.unpack(c, b)
	if !ok {
		return false
	}
	defer y.close()
	c.attrs(at, p.format, p.fields(a), p.fields(b))
	if x.sum != y.sum {
		c.pair(at.in(p.format, ""), x.File, y.File)
	} else {
		c.encoding(at, p.format, "compressed size", number(a.Size), number(b.Size))
	}
	return true
}

func (p packing) unpack(c *comparer, f File) (*spool, bool) {
	r, err := p.open(f)
	if err != nil {
		return nil, false
	}
	defer r.Close()
	return c.unpack(r, f.Size)
}

// maxZstdWindow bounds a decoder's memory; `zstd -19` writes 8 MiB.
const maxZstdWindow = 16 << 20

func newZstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

var zstds = packing{
	format: "zstd",
	open:   func(f File) (io.ReadCloser, error) { return newZstd(f.reader()) },
	fields: func(f File) []attr {
		var h zstd.Header
		if h.Decode(f.upTo(0, zstd.HeaderMaxSize)) != nil || h.Skippable {
			return nil
		}
		l := []attr{{"checksum", yes(h.HasCheckSum)}, {"content size", yes(h.HasFCS)}}
		if !h.SingleSegment {
			l = append(l, attr{"window", number(h.WindowSize)})
		}
		return l
	},
}

var bzip2s = packing{
	format: "bzip2",
	open:   func(f File) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(f.reader())), nil },
	fields: func(f File) []attr { return []attr{{"level", string(f.upTo(3, 1))}} },
}

var xzs = packing{
	format: "xz",
	open:   func(f File) (io.ReadCloser, error) { return io.NopCloser(newXZ(f)), nil },
	fields: func(f File) []attr {
		r := newXZ(f)
		if r.stream() != nil || r.block() != nil {
			return nil
		}
		return []attr{{"check", number(r.check)}, {"dictionary", number(r.dict)}, {"block sizes", yes(r.sized)}}
	},
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

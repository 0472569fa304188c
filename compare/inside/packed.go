package inside

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds a decoder's memory; `zstd -19` writes 8 MiB.
const maxZstdWindow = 16 << 20

func newZstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

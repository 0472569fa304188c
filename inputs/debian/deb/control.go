package deb

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/selfsame-build/selfsame/inputs/debian/control"
)

// The bounds of a control archive. The largest of trixie's main has some 300 files; scripts and lists of checksums are skipped.
const (
	maxControlFiles   = 4096
	maxControlArchive = 256 << 20 // bytes, unpacked
	maxControl        = 4 << 20   // bytes of the control file itself
)

// Control reads what the package in r says of itself (deb-control(5)), keeping the named fields. It reads no further than that, so it
// heeds no checksum at r's end: whoever relies on it reads the package to its end some other time.
func Control(r io.Reader, fields ...string) (control.Stanza, error) {
	_, out, err := archive(bufio.NewReaderSize(r, 16<<10), "control.tar")
	if err != nil {
		return nil, err
	}
	if c, ok := out.(io.Closer); ok {
		defer func() { _ = c.Close() }() // a decoder; there is nothing to report
	}
	files := tar.NewReader(io.LimitReader(out, maxControlArchive))
	for range maxControlFiles {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading control archive: %w", err)
		}
		if path.Clean(h.Name) != "control" || h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > maxControl {
			return nil, fmt.Errorf("the control file has %d bytes, the limit is %d", h.Size, maxControl)
		}
		s, err := control.NewReader(files, fields...).Next()
		if err != nil {
			return nil, fmt.Errorf("reading control file: %w", noEOF(err))
		}
		return s, nil
	}
	return nil, errors.New("no control file in the control archive")
}

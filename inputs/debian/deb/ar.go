// Package deb reads Debian package files (deb(5)) and lays their contents over each other, without ever writing one of
// their files to the host: what comes out is a tar stream.
package deb

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// The bounds of one package. The largest package of trixie's main unpacks to about 4 GB.
const (
	maxMembers  = 16
	maxData     = 32 << 30 // bytes of the unpacked data archive
	maxWindow   = 1 << 28  // bytes of zstd window; dpkg's levels stay below 128 MB
	headerBytes = 60
)

const (
	arMagic   = "!<arch>\n"
	debFormat = "2.0\n"
)

// Data finds the data archive of the package in r and returns its unpacked tar stream. The stream ends in an error if the
// package goes on in a way that deb(5) does not allow; r is read to its end then, so a checksum at r's end is heeded.
func Data(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 128<<10)
	member, out, err := archive(in, "data.tar")
	if err != nil {
		return nil, err
	}
	return &dataReader{r: out, member: member, rest: in, left: maxData}, nil
}

// archive finds the member of that name, whatever its compression, and unpacks it.
func archive(in *bufio.Reader, want string) (*io.LimitedReader, io.Reader, error) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(in, magic); err != nil {
		return nil, nil, fmt.Errorf("reading archive magic: %w", noEOF(err))
	}
	if string(magic) != arMagic {
		return nil, nil, errors.New("not a Debian package (no ar archive)")
	}
	if err := readFormat(in); err != nil {
		return nil, nil, err
	}
	for range maxMembers {
		name, size, err := readHeader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("finding %s: %w", want, noEOF(err))
		}
		if !strings.HasPrefix(name, want) {
			if _, err := io.CopyN(io.Discard, in, size+size%2); err != nil {
				return nil, nil, fmt.Errorf("skipping member %q: %w", name, noEOF(err))
			}
			continue
		}
		member := &io.LimitedReader{R: in, N: size}
		// Decoders that find no io.ByteReader go byte by byte through every layer below.
		out, err := unpack(strings.TrimPrefix(name, want), bufio.NewReaderSize(member, 64<<10))
		if err != nil {
			return nil, nil, fmt.Errorf("unpacking %s: %w", name, noEOF(err))
		}
		return member, out, nil
	}
	return nil, nil, fmt.Errorf("no %s among the first %d members", want, maxMembers)
}

// readFormat checks the first member, debian-binary with format 2.x.
func readFormat(in io.Reader) error {
	name, size, err := readHeader(in)
	if err != nil {
		return fmt.Errorf("reading format version: %w", noEOF(err))
	}
	if name != "debian-binary" || size != int64(len(debFormat)) {
		return errors.New("not a Debian package (the first member is not debian-binary)")
	}
	v := make([]byte, size)
	if _, err := io.ReadFull(in, v); err != nil {
		return fmt.Errorf("reading format version: %w", noEOF(err))
	}
	if string(v) != debFormat {
		return fmt.Errorf("unknown package format %q", v)
	}
	return nil
}

// readHeader reads one ar member header: name (16), mtime (12), uid (6), gid (6), mode (8), size (10), "`\n".
func readHeader(in io.Reader) (string, int64, error) {
	var h [headerBytes]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return "", 0, err
	}
	if string(h[58:]) != "`\n" {
		return "", 0, errors.New("malformed archive member")
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("malformed member size %q", h[48:58])
	}
	return strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/"), size, nil
}

// unpack chooses by the member's suffix, as dpkg does.
func unpack(suffix string, r io.Reader) (io.Reader, error) {
	switch suffix {
	case "":
		return r, nil
	case ".gz":
		return gzip.NewReader(r)
	case ".xz":
		return xz.NewReader(r)
	case ".zst":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxData))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("unknown compression %q", suffix)
}

// dataReader bounds the unpacked stream and, at its end, reads what is left of the package.
type dataReader struct {
	r      io.Reader
	member *io.LimitedReader
	rest   io.Reader
	left   int64
}

func (d *dataReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if d.left -= int64(n); d.left < 0 {
		return 0, fmt.Errorf("data archive exceeds %d bytes", int64(maxData))
	}
	if err == io.EOF {
		return n, d.finish()
	}
	return n, err
}

// finish wants the member used up, then nothing but members whose names dpkg would ignore too (deb(5): a leading underscore).
func (d *dataReader) finish() error {
	if n, err := io.Copy(io.Discard, d.member); err != nil {
		return err
	} else if n > 0 {
		return errors.New("something follows the data archive's compressed stream")
	}
	if d.member.N > 0 {
		return io.ErrUnexpectedEOF
	}
	if c, ok := d.r.(io.Closer); ok {
		_ = c.Close() // frees the decoder; there is nothing left to report
	}
	n, err := io.Copy(io.Discard, d.rest)
	if err != nil {
		return err
	}
	if n > 1 { // one byte pads an odd member
		return errors.New("something follows the data archive")
	}
	return io.EOF
}

// noEOF makes an early end visible: an io.EOF passed on would look like a proper end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

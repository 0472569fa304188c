package inside

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// maxXZDict is the most that a decoder holds of what it wrote. Larger dictionaries are read with this one: that fails only where the
// stream really reaches back so far, as no stream of less content can.
const maxXZDict = 32 << 20

// maxXZSpent is how much may be allocated for dictionaries beyond what comes out: blocks may be tiny, and very many.
const maxXZSpent = 256 << 20

// xzReader reads the xz container (the .xz file format 1.2.1) around LZMA2. The library's own reader takes the dictionary's size, up to
// 4 GiB, from each block's header and allocates it at once. Checksums are not verified: whether files are equal is not decided here.
type xzReader struct {
	src   *counted
	data  io.Reader // of the block at hand
	start int64     // where it began
	check byte
	dict  uint64
	sized bool
	spent int64 // bytes of dictionaries that were allocated
	out   int64 // bytes that came out
}

var errXZ = errors.New("malformed xz")

func newXZ(f File) *xzReader {
	return &xzReader{src: &counted{r: bufio.NewReaderSize(f.reader(), blockLen)}}
}

func (x *xzReader) Read(p []byte) (int, error) {
	for range 1024 { // blocks may be empty
		if x.data == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
		}
		n, err := x.data.Read(p)
		x.out += int64(n)
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if err != nil {
			x.data = nil
			if err := x.skip((4-(x.src.n-x.start)%4)%4 + xzChecks[x.check]); err != nil {
				return n, err
			}
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// next goes to the next block, over an index, a footer and a stream's header where they stand between.
func (x *xzReader) next() error {
	if x.src.n == 0 {
		if err := x.stream(); err != nil {
			return err
		}
	}
	for range 1024 {
		err := x.block()
		if !errors.Is(err, errXZIndex) {
			return err
		}
		if err := x.index(); err != nil {
			return err
		}
		if err := x.stream(); err != nil {
			return err
		}
	}
	return errXZ
}

// stream reads a stream's header, or the padding before it and the end.
func (x *xzReader) stream() error {
	var h [12]byte
	for {
		if _, err := io.ReadFull(x.src, h[:4]); err != nil {
			return err // io.EOF: the regular end
		}
		if binary.LittleEndian.Uint32(h[:]) != 0 {
			break
		}
	}
	if _, err := io.ReadFull(x.src, h[4:]); err != nil {
		return errXZ
	}
	if string(h[:7]) != "\xfd7zXZ\x00\x00" || h[7] > 15 {
		return errXZ
	}
	x.check = h[7]
	return nil
}

// xzChecks are the lengths of the checks (2.1.1.2).
var xzChecks = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

var errXZIndex = errors.New("the index")

// block reads a block's header (3.1). Filters beside LZMA2 are not known.
func (x *xzReader) block() error {
	n, err := x.src.ReadByte()
	if err != nil {
		return errXZ
	}
	if n == 0 {
		return errXZIndex
	}
	h := make([]byte, (int(n)+1)*4-1)
	if _, err := io.ReadFull(x.src, h); err != nil {
		return errXZ
	}
	flags, rest := h[0], h[1:len(h)-4]
	x.sized = flags&0x80 != 0
	most := uint64(maxXZDict)
	for _, bit := range []byte{0x40, 0x80} {
		if flags&bit != 0 {
			size, k := binary.Uvarint(rest)
			if k <= 0 {
				return errXZ
			}
			rest = rest[k:]
			if bit == 0x80 { // the content's size: nothing reaches back further
				most = min(most, max(size, lzma.MinDictCap))
			}
		}
	}
	if flags&3 != 0 || len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 || rest[2] > 40 {
		return errXZ
	}
	x.dict = 1<<32 - 1
	if d := rest[2]; d < 40 {
		x.dict = uint64(2|d&1) << (d/2 + 11)
	}
	x.start = x.src.n
	size := int64(min(x.dict, most)) //nolint:gosec // G115: bounded
	if x.spent += size; x.spent > maxXZSpent+x.out {
		return errXZ
	}
	r, err := lzma.Reader2Config{DictCap: int(size)}.NewReader2(x.src)
	x.data = r
	return err
}

// index skips the index, whose first byte was read, and the footer (4 and 2.1.2).
func (x *xzReader) index() error {
	start := x.src.n - 1
	count, err := binary.ReadUvarint(x.src)
	if err != nil {
		return errXZ
	}
	for i := uint64(0); i < 2*count; i++ {
		if _, err := binary.ReadUvarint(x.src); err != nil {
			return errXZ
		}
	}
	return x.skip((4-(x.src.n-start)%4)%4 + 4 + 12)
}

func (x *xzReader) skip(n int64) error {
	if _, err := io.CopyN(io.Discard, x.src, n); err != nil {
		return errXZ
	}
	return nil
}

package inside

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
)

// maxGzips is how many members of one file are described; a file may have very many.
const maxGzips = 64

// gzips compares the headers of the members, and then their content as one.
func gzips(c *comparer, at place, a, b File) bool {
	x, ok := c.gunzip(a)
	if !ok {
		return false
	}
	defer x.close()
	y, ok := c.gunzip(b)
	if !ok {
		return false
	}
	defer y.close()
	c.fieldIf(at, "gzip", "members", number(x.members), number(y.members))
	for i := range min(len(x.fields), len(y.fields)) {
		c.attrs(at, "gzip", x.fields[i], y.fields[i])
	}
	if x.sum != y.sum {
		c.pair(at.in("gzip", ""), x.File, y.File)
		return true
	}
	if x.level != y.level || x.size != y.size {
		c.encoding(at, "gzip", "encoder", x.guess(), y.guess())
		return true
	}
	c.encoding(at, "gzip", "deflate stream", x.guess(), y.guess())
	return true
}

// gzipped is the unpacked form of a gzip file and what its headers say.
type gzipped struct {
	*spool
	members int
	fields  [][]attr
	level   string
	size    int64
}

func (g *gzipped) guess() string { return g.level + ", " + number(g.size) + " bytes" }

func (c *comparer) gunzip(f File) (*gzipped, bool) {
	src := &counted{r: bufio.NewReaderSize(f.reader(), blockLen)}
	g := &gzipped{size: f.Size}
	r := &gzipReader{c: c, g: g, f: f, src: src}
	s, ok := c.unpack(r, f.Size)
	g.spool = s
	return g, ok
}

// gzipReader reads member after member, and keeps their headers.
type gzipReader struct {
	c   *comparer
	g   *gzipped
	f   File
	src *counted
	z   *gzip.Reader
}

func (r *gzipReader) Read(p []byte) (int, error) {
	if r.c.done() { // members may be empty without end
		return 0, r.c.err
	}
	if r.z == nil {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n, err := r.z.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if r.src.n == r.f.Size {
		return n, io.EOF
	}
	return n, r.next()
}

func (r *gzipReader) next() error {
	start := r.src.n
	var err error
	if r.z == nil {
		r.z, err = gzip.NewReader(r.src)
	} else {
		err = r.z.Reset(r.src)
	}
	if err != nil {
		return err
	}
	r.z.Multistream(false)
	if r.g.members++; r.g.members > maxGzips {
		return nil
	}
	raw := r.f.upTo(start, 10)
	if len(raw) == 10 {
		first := r.f.upTo(r.src.n, 1)
		r.g.fields = append(r.g.fields, gzipFields(raw, r.z.Header))
		if r.g.members == 1 {
			r.g.level = gzipLevel(raw, first)
		}
	}
	return nil
}

var gzipSystems = map[byte]string{0: "FAT", 3: "Unix", 7: "Macintosh", 10: "NTFS (TOPS-20)", 11: "NTFS", 255: "unknown"}

func gzipFields(raw []byte, h gzip.Header) []attr {
	system := gzipSystems[raw[9]]
	return []attr{
		{"mtime", gzipTime(raw)}, {"name", h.Name}, {"comment", h.Comment}, {"os", strconv.Itoa(int(raw[9])) + " " + system},
		{"extra", hex.EncodeToString(h.Extra[:min(len(h.Extra), MaxValue)])}, {"level flag", strconv.Itoa(int(raw[8]))},
		{"flags", "0x" + hex.EncodeToString(raw[3:4])},
	}
}

// gzipTime is the header's time; 0 means none.
func gzipTime(raw []byte) string {
	t := binary.LittleEndian.Uint32(raw[4:])
	if t == 0 {
		return "0"
	}
	return stamp(time.Unix(int64(t), 0))
}

// gzipLevel guesses at the encoder by what it left in the header (RFC 1952) and by the sort of its first block.
func gzipLevel(raw, first []byte) string {
	level := "a middle level"
	switch raw[8] {
	case 2:
		level = "the best level"
	case 4:
		level = "the fastest level"
	}
	if len(first) == 1 && first[0]>>1&3 == 0 {
		level = "stored, level 0"
	}
	switch {
	case bytes.Equal(raw[9:10], []byte{3}):
		return level + ", as gzip and pigz write"
	case raw[9] == 255:
		return level + ", as Go and Python write"
	case raw[9] == 0:
		return level + ", as Java writes"
	}
	return level
}

// counted knows how much was taken from it, byte by byte, so that a decoder stops exactly where its stream ends.
type counted struct {
	r *bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

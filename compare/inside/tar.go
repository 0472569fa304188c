package inside

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const tarBlock = 512

// isTar knows tars by their magic, and older ones by the checksum of their first header.
func isTar(head []byte) bool {
	if len(head) < tarBlock {
		return false
	}
	if bytes.HasPrefix(head[257:], []byte("ustar")) {
		return true
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 32)
	sum := int64(8 * ' ')
	for i, v := range head[:tarBlock] {
		if i < 148 || i >= 156 {
			sum += int64(v)
		}
	}
	return err == nil && sum == want && head[0] != 0
}

func tars(c *comparer, at place, a, b File) bool { return c.archives(&tarFormat, at, a, b) }

var tarFormat = archive{
	format: "tar",
	first:  func(File) (int64, bool) { return 0, true },
	read:   readTar,
}

// readTar reads one header, with the extended headers before it. Tars can be read from the middle: nothing but global headers goes on
// from one entry to the next, and these are shown as entries of their own.
func readTar(f File, at int64) (entry, error) {
	if at >= f.Size {
		return entry{}, io.EOF // without a trailer
	}
	src := f.section(at, f.Size-at)
	r := src.reader()
	h, err := tar.NewReader(r).Next()
	if errors.Is(err, io.EOF) {
		return entry{}, io.EOF
	}
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
		return entry{}, err
	}
	read, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return entry{}, err
	}
	from, size := read, h.Size
	if sparse(h) {
		// Size is what the file would have with its holes. The tar holds the pieces alone.
		if from, size, err = stored(src); err != nil {
			return entry{}, err
		}
	}
	if !tarContent(h.Typeflag) {
		size = 0
	}
	if read > maxTarHead || size > src.Size-from {
		return entry{}, errBroken
	}
	head, _ := src.get(0, int(read))
	e := entry{name: h.Name, head: head, content: src.section(from, size), next: at + from + (size+tarBlock-1)/tarBlock*tarBlock}
	e.fields = func() []attr { return tarFields(h) }
	if h.Typeflag == tar.TypeXGlobalHeader {
		e.name = "pax_global_header"
	}
	return e, nil
}

// maxTarHead is above what archive/tar reads of extended headers before one entry.
const maxTarHead = 8 << 20

func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// stored finds the header of a sparse file behind its extended headers, and says where what it holds begins and how long that is.
func stored(f File) (from, size int64, err error) {
	for at := int64(0); ; {
		block, ok := f.get(at, tarBlock)
		if !ok {
			return 0, 0, errBroken
		}
		n, err := tarNumber(block[124:136])
		if err != nil || n < 0 || n > f.Size {
			return 0, 0, errBroken
		}
		at += tarBlock
		switch block[156] {
		case tar.TypeXHeader, tar.TypeGNULongName, tar.TypeGNULongLink:
			at += (n + tarBlock - 1) / tarBlock * tarBlock
		case tar.TypeGNUSparse:
			for more := block[482] != 0; more; at += tarBlock {
				ext, ok := f.get(at, tarBlock)
				if !ok {
					return 0, 0, errBroken
				}
				more = ext[504] != 0
			}
			return at, n, nil
		default:
			return at, n, nil
		}
	}
}

// tarNumber reads octal digits, or a number in base 256.
func tarNumber(b []byte) (int64, error) {
	if b[0]&0x80 == 0 {
		return strconv.ParseInt(strings.Trim(string(b), " \x00"), 8, 64)
	}
	n := int64(b[0] & 0x3f)
	for _, v := range b[1:] {
		if n >= 1<<54 {
			return 0, errBroken
		}
		n = n<<8 | int64(v)
	}
	return n, nil
}

func tarContent(flag byte) bool {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader:
		return false
	}
	return true
}

func tarFields(h *tar.Header) []attr {
	l := []attr{
		{"type", string(rune(h.Typeflag))}, {"mode", "0" + strconv.FormatInt(h.Mode, 8)}, {"uid", number(h.Uid)}, {"gid", number(h.Gid)},
		{"uname", h.Uname}, {"gname", h.Gname}, {"mtime", stamp(h.ModTime)}, {"atime", stamp(h.AccessTime)}, {"ctime", stamp(h.ChangeTime)},
		{"link", h.Linkname}, {"device", number(h.Devmajor) + "," + number(h.Devminor)}, {"format", h.Format.String()},
	}
	for _, k := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		switch k {
		case "path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime", "atime", "ctime":
		default:
			l = append(l, attr{strings.Replace(k, "SCHILY.xattr.", "xattr ", 1), h.PAXRecords[k]})
		}
	}
	return l
}

// stamp writes a time in UTC, and the zero time as nothing.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

package inside

import (
	"bytes"
	"compress/bzip2"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/flate"
)

func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

func zips(c *comparer, at place, a, b File) bool {
	a, b = withoutPrefix(a), withoutPrefix(b)
	x, okA := findZipEnd(a)
	y, okB := findZipEnd(b)
	if !okA || !okB {
		return false
	}
	c.fieldIf(at, "zip", "comment", x.comment, y.comment)
	return c.archives(&zipFormat, at, a, b)
}

// zipFormat walks the central directory, entry by entry: archive/zip holds all of it in memory.
var zipFormat = archive{
	format: "zip",
	first: func(f File) (int64, bool) {
		end, ok := findZipEnd(f)
		return end.first, ok
	},
	read:   readZip,
	unpack: unzip,
}

func unzip(f File, method int) (io.ReadCloser, bool) {
	switch method {
	case 8:
		return flate.NewReader(f.reader()), true
	case 12:
		return io.NopCloser(bzip2.NewReader(f.reader())), true
	case 93:
		r, err := newZstd(f.reader())
		return r, err == nil
	}
	return nil, false
}

// readZip reads an entry of the central directory and the local header that it names.
func readZip(f File, at int64) (entry, error) {
	switch string(f.upTo(at, 4)) {
	case "PK\x05\x06", "PK\x06\x06", "PK\x05\x05": // the end, zip64's end, the directory's signature
		return entry{}, io.EOF
	}
	h, ok := f.get(at, 46)
	if !ok || string(h[:4]) != "PK\x01\x02" {
		return entry{}, errBroken
	}
	n, m, k := int(le16(h[28:])), int(le16(h[30:])), int(le16(h[32:]))
	rest, ok := f.get(at+46, n+m+k)
	if !ok {
		return entry{}, errBroken
	}
	z := &zipEntry{head: h, name: string(rest[:n]), extra: rest[n : n+m], comment: string(rest[n+m:])}
	size, local := z.sizes()
	lh, ok := f.get(local, 30)
	if !ok || string(lh[:4]) != "PK\x03\x04" {
		return entry{}, errBroken
	}
	ln, lm := int64(le16(lh[26:])), int64(le16(lh[28:]))
	from := local + 30 + ln + lm
	if z.local, ok = f.get(local+30+ln, int(lm)); !ok || from > f.Size || size > f.Size-from {
		return entry{}, errBroken
	}
	e := entry{name: z.name, content: f.section(from, size), next: at + 46 + int64(len(rest)), fields: z.fields, method: int(le16(h[10:]))}
	if le16(h[8:])&1 != 0 {
		e.method = -1 // encrypted
	}
	e.head = z.summary(lh)
	return e, nil
}

type zipEntry struct {
	head, extra, local []byte
	name, comment      string
}

// summary is all of both headers but what only follows from the content: sizes, checksum and offset.
func (z *zipEntry) summary(local []byte) []byte {
	s := append([]byte(nil), z.head[4:16]...)
	s = append(s, z.head[36:42]...)
	s = append(append(s, local[4:14]...), z.extra...)
	return append(append(s, z.local...), z.comment...)
}

// sizes are the packed size and the offset of the local header, with what does not fit in 32 bits from the zip64 field.
func (z *zipEntry) sizes() (packed, local int64) {
	packed, local = int64(le32(z.head[20:])), int64(le32(z.head[42:]))
	for _, x := range extras(z.extra) {
		if x.id != 1 {
			continue
		}
		b := x.data
		take := func(narrow int64) int64 {
			if narrow != 0xffffffff || len(b) < 8 {
				return narrow
			}
			v := le64(b)
			b = b[8:]
			return int64(min(v, 1<<62)) //nolint:gosec // G115: bounded
		}
		take(int64(le32(z.head[24:])))
		packed = take(packed)
		local = take(local)
	}
	return packed, local
}

func (z *zipEntry) fields() []attr {
	h := z.head
	l := []attr{
		{"modified", dosTime(le16(h[14:]), le16(h[12:]))},
		{"method", number(le16(h[10:]))}, {"flags", fmt.Sprintf("%#x", le16(h[8:]))},
		{"made by", fmt.Sprintf("%d.%d on system %d", h[4]/10, h[4]%10, h[5])}, {"needs", fmt.Sprintf("%d.%d", h[6]/10, h[6]%10)},
		{"internal attributes", fmt.Sprintf("%#x", le16(h[36:]))},
	}
	if ext := le32(h[38:]); h[5] == 3 || h[5] == 19 {
		l = append(l, attr{"mode", fmt.Sprintf("0%o", ext>>16)}, attr{"external attributes", fmt.Sprintf("%#x", ext&0xffff)})
	} else {
		l = append(l, attr{"external attributes", fmt.Sprintf("%#x", ext)})
	}
	l = append(l, attr{"comment", z.comment})
	l = append(l, extraFields("extra", z.extra)...)
	return append(l, extraFields("local extra", z.local)...)
}

// dosTime is a time in the zone of whoever packed the file.
func dosTime(date, clock uint16) string {
	if date == 0 && clock == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", 1980+date>>9, date>>5&15, date&31, clock>>11, clock>>5&63, clock&31*2)
}

type extra struct {
	id   uint16
	data []byte
}

func extras(b []byte) []extra {
	var out []extra
	for len(b) >= 4 {
		id, n := le16(b), int(le16(b[2:]))
		if n > len(b)-4 {
			break
		}
		out = append(out, extra{id, b[4 : 4+n]})
		b = b[4+n:]
	}
	return out
}

// maxExtras is how many extra fields of one header are described.
const maxExtras = 16

// extraFields names the times and owners of extra fields, and shows the others as they are. The zip64 field only repeats sizes.
func extraFields(where string, b []byte) []attr {
	var l []attr
	all := extras(b)
	for _, x := range all[:min(len(all), maxExtras)] {
		name := fmt.Sprintf("%s %04x", where, x.id)
		switch {
		case x.id == 1:
		case x.id == 0x5455 && len(x.data) >= 1: // Info-ZIP's extended timestamp
			for i, t := range []string{"mtime", "atime", "ctime"} {
				if rest := x.data[1:]; x.data[0]>>i&1 == 1 && len(rest) >= 4 {
					l = append(l, attr{where + " " + t, stamp(time.Unix(int64(int32(le32(rest))), 0))}) //nolint:gosec // G115: signed by its format
					x.data = append([]byte{x.data[0]}, rest[4:]...)
				}
			}
		case x.id == 0x7875 && len(x.data) == 11 && x.data[1] == 4 && x.data[6] == 4: // Info-ZIP's owner
			l = append(l, attr{where + " uid", number(le32(x.data[2:]))}, attr{where + " gid", number(le32(x.data[7:]))})
		case x.id == 0x000a && len(x.data) >= 32: // NTFS: three times in 100 ns since 1601
			for i, t := range []string{"mtime", "atime", "ctime"} {
				ticks := le64(x.data[8+8*i:])
				l = append(l, attr{where + " NTFS " + t, stamp(time.Unix(int64(ticks/1e7)-11644473600, int64(ticks%1e7)*100))}) //nolint:gosec // G115: below 2^63 after dividing
			}
		default:
			l = append(l, attr{name, hex.EncodeToString(x.data[:min(len(x.data), MaxValue)])})
		}
	}
	return l
}

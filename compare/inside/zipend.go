package inside

import (
	"bytes"
	"encoding/binary"
	"io"
)

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// zipEnd is the end of central directory record.
type zipEnd struct {
	first   int64 // where the central directory begins
	comment string
}

// findZipEnd looks for the record from the end on; a comment of up to 64 KiB may follow it (APPNOTE 4.3.16).
func findZipEnd(f File) (zipEnd, bool) {
	n := min(f.Size, 22+1<<16)
	tail := f.upTo(f.Size-n, int(n))
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < 22 {
		return zipEnd{}, false
	}
	rec := tail[at:]
	end := zipEnd{first: int64(le32(rec[16:])), comment: string(rec[22:])}
	if le32(rec[16:]) == 0xffffffff || le16(rec[10:]) == 0xffff {
		first, ok := zip64Start(f, f.Size-n+int64(at))
		if !ok {
			return zipEnd{}, false
		}
		end.first = first
	}
	return end, end.first < f.Size
}

// withoutPrefix is the archive behind whatever stands before it, where its offsets do not count that: a script was put before a finished zip.
func withoutPrefix(f File) File {
	n := min(f.Size, 22+1<<16)
	tail := f.upTo(f.Size-n, int(n))
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < 22 {
		return f
	}
	size, first := int64(le32(tail[at+12:])), int64(le32(tail[at+16:]))
	before := f.Size - n + int64(at) - size - first
	if sig, ok := f.get(first+before, 4); before <= 0 || !ok || string(sig) != "PK\x01\x02" {
		return f
	}
	return File{io.NewSectionReader(f.Bytes, before, f.Size-before), f.Size - before}
}

// zip64Start follows the locator before the record at end to the larger record (APPNOTE 4.3.14 and 15).
func zip64Start(f File, end int64) (int64, bool) {
	loc, ok := f.get(end-20, 20)
	if !ok || string(loc[:4]) != "PK\x06\x07" {
		return 0, false
	}
	at := le64(loc[8:])
	if at > 1<<62 {
		return 0, false
	}
	rec, ok := f.get(int64(at), 56) //nolint:gosec // G115: bounded
	if !ok || string(rec[:4]) != "PK\x06\x06" || le64(rec[48:]) > 1<<62 {
		return 0, false
	}
	return int64(le64(rec[48:])), true //nolint:gosec // G115: bounded
}

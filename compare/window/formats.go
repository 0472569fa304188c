package window

import (
	"bytes"
	"encoding/binary"
	"path"
	"strconv"
	"strings"
	"time"
)

// These readers know a format whose field is a time: a hit is not a matter of chance.

func stampOf(sec int64) string { return time.Unix(sec, 0).UTC().Format(time.RFC3339) }

// archived is a finding of a time in an archive's own metadata.
func archived(t *times, sec, slack int64, certainty Certainty, what string, back int) (Finding, int, bool) {
	name, ok := t.within(sec, slack)
	f := finding(ClassArchive, certainty, what+" from the time of "+name)
	f.Value = stampOf(sec)
	return f, back, ok
}

// readTar stands at "ustar", 257 bytes into a header; mtime is octal at 136.
func readTar(t *times, buf []byte, at int) (Finding, int, bool) {
	start := at - 257
	if start < 0 {
		return Finding{}, 0, false
	}
	sec, err := strconv.ParseInt(string(bytes.Trim(buf[start+136:start+148], " \x00")), 8, 64)
	if err != nil {
		return Finding{}, 0, false
	}
	return archived(t, sec, 0, Certain, "time of an entry of an inner tar,", 136-257)
}

// readCpio stands at a newc header; mtime is hexadecimal at 46 (cpio(5)).
func readCpio(t *times, buf []byte, at int) (Finding, int, bool) {
	if len(buf) < at+54 {
		return Finding{}, 0, false
	}
	sec, err := strconv.ParseInt(string(buf[at+46:at+54]), 16, 64)
	if err != nil {
		return Finding{}, 0, false
	}
	return archived(t, sec, 0, Certain, "time of an entry of a cpio archive,", 46)
}

// readOldCpio stands at a header of POSIX's cpio ("odc"); mtime is octal at 48 (cpio(5)).
func readOldCpio(t *times, buf []byte, at int) (Finding, int, bool) {
	if len(buf) < at+59 {
		return Finding{}, 0, false
	}
	sec, err := strconv.ParseInt(string(buf[at+48:at+59]), 8, 64)
	if err != nil {
		return Finding{}, 0, false
	}
	return archived(t, sec, 0, Certain, "time of an entry of a cpio archive,", 48)
}

// readGzip is RFC 1952: 1f 8b, method 8, five flag bits, then MTIME.
func readGzip(t *times, buf []byte, at int) (Finding, int, bool) {
	if len(buf) < at+8 || buf[at+2] != 8 || buf[at+3] >= 32 {
		return Finding{}, 0, false
	}
	return archived(t, int64(binary.LittleEndian.Uint32(buf[at+4:])), 0, Certain, "time in a gzip header,", 4)
}

// readZip is APPNOTE 4.3: local headers have the MS-DOS time at 10, those of the central directory at 12. It is a local
// time with a resolution of two seconds.
func readZip(t *times, buf []byte, at int) (Finding, int, bool) {
	off := 0
	switch {
	case len(buf) < at+16:
		return Finding{}, 0, false
	case buf[at+2] == 3 && buf[at+3] == 4:
		off = 10
	case buf[at+2] == 1 && buf[at+3] == 2:
		off = 12
	default:
		return Finding{}, 0, false
	}
	clock, date := int64(binary.LittleEndian.Uint16(buf[at+off:])), int64(binary.LittleEndian.Uint16(buf[at+off+2:]))
	local := time.Date(int(date>>9)+1980, time.Month(date>>5&15), int(date&31), int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC).Unix()
	if f, back, ok := archived(t, local, 1, Certain, "MS-DOS time in a zip,", off); ok {
		return f, back, ok
	}
	name, ok := t.someZone(local, 1)
	f := finding(ClassArchive, Unknown, "MS-DOS time in a zip, which some time zone had during "+name)
	f.Value = time.Unix(local, 0).UTC().Format("2006-01-02 15:04:05")
	return f, off, ok
}

// readZipExtra is Info-ZIP's extended timestamp: "UT", size 5, 9 or 13, flags, seconds.
func readZipExtra(t *times, buf []byte, at int) (Finding, int, bool) {
	if len(buf) < at+9 || buf[at+3] != 0 || buf[at+2] != 5 && buf[at+2] != 9 && buf[at+2] != 13 || buf[at+4] == 0 || buf[at+4] > 7 {
		return Finding{}, 0, false
	}
	return archived(t, int64(binary.LittleEndian.Uint32(buf[at+5:])), 0, Certain, "extended timestamp in a zip,", 5)
}

// readPE is the COFF header after "PE\0\0": TimeDateStamp at 8.
func readPE(t *times, buf []byte, at int) (Finding, int, bool) {
	if len(buf) < at+12 || buf[at+2] != 0 || buf[at+3] != 0 {
		return Finding{}, 0, false
	}
	f, back, ok := archived(t, int64(binary.LittleEndian.Uint32(buf[at+8:])), 0, Likely, "time in the header of a Windows program,", 8)
	f.Class = ClassClock
	return f, back, ok
}

// formatKeys are the first two bytes of each binary format.
var formatKeys = map[string]reader{"\x1f\x8b": readGzip, "PK": readZip, "UT": readZipExtra, "PE": readPE}

// atStart looks at formats that are told by a file's name, given its first bytes.
func atStart(t *times, name string, buf []byte) []Finding {
	switch {
	case strings.HasSuffix(name, ".pyc"):
		return pyc(t, buf)
	case strings.HasPrefix(path.Base(name), "shadow") && path.Base(path.Dir(name)) == "etc":
		return shadow(t, buf)
	}
	return nil
}

// pyc: PEP 552 put a word of flags before the source's mtime; with flags set a hash stands there instead.
func pyc(t *times, buf []byte) []Finding {
	if len(buf) < 12 || buf[2] != '\r' || buf[3] != '\n' {
		return nil
	}
	at := 8
	if flags := binary.LittleEndian.Uint32(buf[4:]); flags == 1 || flags == 3 {
		return nil
	} else if flags != 0 {
		at = 4
	}
	f, _, ok := archived(t, int64(binary.LittleEndian.Uint32(buf[at:])), 0, Certain, "the source's time in a .pyc header,", 0)
	if !ok {
		return nil
	}
	f.Class, f.Offset = ClassTool, int64(at)
	return []Finding{f}
}

// shadow: the third field is the day of the last password change (shadow(5)).
func shadow(t *times, buf []byte) []Finding {
	var out []Finding
	at := 0
	for line := range bytes.Lines(buf) {
		fields := bytes.Split(line, []byte{':'})
		if len(fields) >= 9 {
			if d, err := strconv.ParseInt(string(fields[2]), 10, 32); err == nil && t.isDay(d) {
				f := finding(ClassClock, Likely, "the day of the last password change is the day of the build")
				f.Value, f.Offset = string(fields[2]), int64(at+len(fields[0])+len(fields[1])+2)
				out = append(out, f)
			}
		}
		at += len(line)
	}
	return out
}

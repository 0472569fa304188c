package inside

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	arMagic = "!<arch>\n"
	arHead  = 60
)

func ars(c *comparer, at place, a, b File) bool { return c.archives(&arFormat, at, a, b) }

// arFormat reads static libraries and Debian packages.
var arFormat = archive{
	format: "ar",
	first:  func(File) (int64, bool) { return int64(len(arMagic)), true },
	read:   readAr,
}

func readAr(f File, at int64) (entry, error) {
	if at >= f.Size {
		return entry{}, io.EOF
	}
	h, ok := f.get(at, arHead)
	if !ok || string(h[58:]) != "`\n" {
		return entry{}, errBroken
	}
	size, err := strconv.ParseInt(arText(h[48:58]), 10, 64)
	if err != nil || size < 0 || size > f.Size-at-arHead {
		return entry{}, errBroken
	}
	e := entry{name: arText(h[:16]), head: h, content: f.section(at+arHead, size), next: at + arHead + size + size%2}
	switch name := e.name; {
	case strings.HasPrefix(name, "#1/"): // BSD: the name stands before the content
		n, err := strconv.ParseInt(name[3:], 10, 64)
		if err != nil || n < 0 || n > min(size, maxName) {
			return entry{}, errBroken
		}
		e.name = string(bytes.TrimRight(f.upTo(at+arHead, int(n)), "\x00"))
		e.content = f.section(at+arHead+n, size-n)
	case len(name) > 1 && name[0] == '/' && name[1] >= '0' && name[1] <= '9': // GNU: the name stands in a table
		e.name = arLong(f, name)
	case len(name) > 1 && name != "//":
		e.name = strings.TrimSuffix(name, "/")
	}
	e.fields = func() []attr {
		return []attr{{"mtime", arTime(arText(h[16:28]))}, {"uid", arText(h[28:34])}, {"gid", arText(h[34:40])}, {"mode", "0" + arText(h[40:48])}}
	}
	return e, nil
}

func arText(b []byte) string { return strings.TrimRight(string(b), " ") }

func arTime(s string) string {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return s
	}
	return stamp(time.Unix(n, 0))
}

// arLong looks a name up in the table "//", which is the first member or the second, behind the symbols.
func arLong(f File, name string) string {
	off, err := strconv.ParseInt(name[1:], 10, 64)
	at := int64(len(arMagic))
	for range 3 {
		h, ok := f.get(at, arHead)
		if !ok || err != nil {
			break
		}
		var size int64
		if size, err = strconv.ParseInt(arText(h[48:58]), 10, 64); err != nil || size < 0 || size > f.Size {
			break
		}
		if arText(h[:16]) == "//" {
			table := f.section(at+arHead, size)
			long, _, _ := bytes.Cut(table.upTo(off, maxName), []byte("\n"))
			return strings.TrimSuffix(string(long), "/")
		}
		at += arHead + size + size%2
	}
	return name
}

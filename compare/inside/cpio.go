package inside

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"
)

const cpioHead = 110

func isCpio(head []byte) bool {
	return bytes.HasPrefix(head, []byte("070701")) || bytes.HasPrefix(head, []byte("070702"))
}

func cpios(c *comparer, at place, a, b File) bool { return c.archives(&cpioFormat, at, a, b) }

// cpioFormat is the "new ASCII" format of initramfs and RPM.
var cpioFormat = archive{
	format: "cpio",
	first:  func(File) (int64, bool) { return 0, true },
	read:   readCpio,
}

func readCpio(f File, at int64) (entry, error) {
	h, ok := f.get(at, cpioHead)
	if !ok || !isCpio(h) {
		return entry{}, errBroken
	}
	var v [13]int64
	for i := range v {
		n, err := strconv.ParseUint(string(h[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return entry{}, errBroken
		}
		v[i] = int64(n) //nolint:gosec // G115: 32 bits
	}
	size, length := v[6], v[11]
	name, ok := f.get(at+cpioHead, int(min(length, 1<<16)))
	if !ok {
		return entry{}, errBroken
	}
	e := entry{name: string(bytes.TrimRight(name, "\x00")), head: h}
	if e.name == "TRAILER!!!" {
		return entry{}, io.EOF
	}
	from := (at + cpioHead + length + 3) &^ 3
	if from > f.Size || size > f.Size-from {
		return entry{}, errBroken
	}
	e.content, e.next = f.section(from, size), (from+size+3)&^3
	e.fields = func() []attr {
		return []attr{
			{"inode", number(v[0])}, {"mode", fmt.Sprintf("0%o", v[1])}, {"uid", number(v[2])}, {"gid", number(v[3])}, {"links", number(v[4])},
			{"mtime", stamp(time.Unix(v[5], 0))}, {"device", fmt.Sprintf("%d,%d", v[7], v[8])}, {"device it is", fmt.Sprintf("%d,%d", v[9], v[10])},
		}
	}
	return e, nil
}

package compare

import (
	"bytes"
	"io"
	"os"

	"github.com/selfsame-build/selfsame/compare/inside"
)

// file compares the content of two entries, and looks inside if it may. A tar cannot be read at any place, so both sides are kept while
// they stream by; a second pass over the layers would cost more than the copy.
func (l *layerDiff) file(a, b *cursor) (Content, error) {
	if l.opt.Inside == nil || l.look == 0 {
		return diffStreams(a.r, b.r)
	}
	x, y := &kept{scratch: l.opt.Inside.Scratch}, &kept{scratch: l.opt.Inside.Scratch}
	defer x.close()
	defer y.close()
	c, err := diffStreams(io.TeeReader(a.r, x), io.TeeReader(b.r, y))
	if err != nil || x.lost || y.lost || c.DigestA == c.DigestB {
		return c, err
	}
	l.look--
	c.Parts, err = inside.Compare(l.ctx, a.name, x.file(), y.file(), *l.opt.Inside)
	if l.ctx.Err() != nil {
		return c, l.a.inLayer(l.i, l.ctx.Err())
	}
	// Only our own copy can be at fault otherwise. It explains, and decides nothing: the windows stay.
	if err != nil {
		c.Parts = nil
	}
	return c, nil
}

// kept is a file's content that can be read again: in memory at first, then in a file that has no name. Where there is no room it gives
// up, and the comparison goes on without.
type kept struct {
	scratch string
	mem     bytes.Buffer
	disk    *os.File
	size    int64
	lost    bool
}

// Write never fails: what is kept must not stop what is compared.
func (k *kept) Write(p []byte) (int, error) {
	k.size += int64(len(p))
	switch {
	case k.lost:
	case k.size > maxLookFile:
		k.lose()
	case k.disk == nil && k.size <= maxLookHeld:
		k.mem.Write(p)
	default:
		if k.disk == nil && !k.spill() {
			k.lose()
			break
		}
		if _, err := k.disk.Write(p); err != nil {
			k.lose()
		}
	}
	return len(p), nil
}

func (k *kept) spill() bool {
	if k.scratch == "" {
		return false
	}
	f, err := os.CreateTemp(k.scratch, "compare-")
	if err != nil {
		return false
	}
	k.disk = f
	if os.Remove(f.Name()) != nil {
		return false
	}
	_, err = f.Write(k.mem.Bytes())
	k.mem = bytes.Buffer{}
	return err == nil
}

func (k *kept) lose() {
	k.close()
	k.lost, k.mem = true, bytes.Buffer{}
}

func (k *kept) file() inside.File {
	if k.disk != nil {
		return inside.File{Bytes: k.disk, Size: k.size}
	}
	return inside.File{Bytes: bytes.NewReader(k.mem.Bytes()), Size: k.size}
}

func (k *kept) close() {
	if k.disk != nil {
		k.disk.Close()
		k.disk = nil
	}
}

package inside

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
)

const (
	maxHeld    = 4 << 20  // bytes of one unpacked file that stay in memory
	maxMemory  = 16 << 20 // of all that are open at the same time
	ratioFloor = 16 << 20 // bytes that any stream may unpack to, whatever its ratio
)

// spool is unpacked content that can be read at any place.
type spool struct {
	File
	sum   [sha256.Size]byte
	close func()
}

// unpack reads r, the unpacked form of packed bytes, to its end. It fails where r does, and where a limit is crossed.
func (c *comparer) unpack(r io.Reader, packed int64) (*spool, bool) {
	most := c.left
	if packed < most/c.lim.Ratio {
		most = min(most, ratioFloor+packed*c.lim.Ratio)
	}
	w := &spooler{c: c, left: most}
	sum := sha256.New()
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.TeeReader(r, sum)}, make([]byte, blockLen))
	c.left -= most - w.left
	if err != nil || c.done() {
		w.close()
		return nil, false
	}
	s := &spool{close: w.close}
	s.File = w.finish()
	sum.Sum(s.sum[:0])
	return s, true
}

// spooler keeps what is written in memory, and moves to a file when it grows.
type spooler struct {
	c    *comparer
	left int64
	mem  bytes.Buffer
	held int64 // of the comparer's memory
	file *os.File
	size int64
}

func (w *spooler) Write(p []byte) (int, error) {
	if w.c.done() {
		return 0, w.c.err
	}
	if w.left -= int64(len(p)); w.left < 0 {
		w.left = 0
		return 0, io.ErrShortBuffer
	}
	if w.file == nil && (w.size+int64(len(p)) > maxHeld || int64(len(p)) > w.c.memory) {
		if err := w.spill(); err != nil {
			return 0, err
		}
	}
	w.size += int64(len(p))
	if w.file != nil {
		return w.file.Write(p)
	}
	w.c.memory -= int64(len(p))
	w.held += int64(len(p))
	return w.mem.Write(p)
}

// spill moves to a file that has no name any more, so that nothing is left behind however the process ends.
func (w *spooler) spill() error {
	if w.c.scratch == "" {
		return os.ErrInvalid
	}
	f, err := os.CreateTemp(w.c.scratch, "inside-")
	if err != nil {
		return err
	}
	w.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = f.Write(w.mem.Bytes())
	w.release()
	return err
}

func (w *spooler) release() {
	w.c.memory += w.held
	w.held, w.mem = 0, bytes.Buffer{}
}

func (w *spooler) finish() File {
	f := File{Size: w.size}
	if w.file != nil {
		f.Bytes = w.file
	} else {
		f.Bytes = bytes.NewReader(w.mem.Bytes())
	}
	f.Bytes = watched{w.c, f.Bytes}
	return f
}

func (w *spooler) close() {
	if w.file != nil {
		w.file.Close()
	}
	w.release()
}

// watched stops reading when the context is done.
type watched struct {
	c *comparer
	r io.ReaderAt
}

func (w watched) ReadAt(p []byte, off int64) (int, error) {
	if w.c.done() {
		return 0, w.c.err
	}
	return w.r.ReadAt(p, off)
}

package compare

import (
	"crypto/sha256"
	"io"

	"github.com/opencontainers/go-digest"
)

const (
	blockLen   = 64 << 10 // bytes read from each side at a time
	windowLen  = 64       // bytes shown of each side
	windowLead = 16       // of which this many stand before the difference, rounded down to a multiple of 16
	maxWindows = 4        // runs that are shown
	maxGap     = 8        // equal bytes that do not end a run
)

// differ compares two streams block by block.
type differ struct {
	out   Content
	pos   int64 // offset of the blocks at hand
	run   int64 // start of the run at hand, -1 outside of one
	last  int64 // offset of its last differing byte
	tails [2][]byte
	open  []int // windows in out that still want bytes
}

// diffStreams reads both sides to their end. Sizes and digests come out whether or not the bytes differ.
func diffStreams(a, b io.Reader) (Content, error) {
	d := &differ{run: -1}
	sumA, sumB := sha256.New(), sha256.New()
	bufA, bufB := make([]byte, blockLen), make([]byte, blockLen)
	for {
		na, err := readBlock(a, bufA)
		if err != nil {
			return Content{}, err
		}
		nb, err := readBlock(b, bufB)
		if err != nil {
			return Content{}, err
		}
		if na == 0 && nb == 0 {
			break
		}
		sumA.Write(bufA[:na])
		sumB.Write(bufB[:nb])
		d.block(bufA[:na], bufB[:nb])
	}
	d.endRun()
	d.out.DigestA, d.out.DigestB = digest.NewDigest(digest.SHA256, sumA), digest.NewDigest(digest.SHA256, sumB)
	d.out.Located = true
	return d.out, nil
}

func readBlock(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

// block takes the next block of both sides; one may be shorter, or empty, at its end.
func (d *differ) block(a, b []byte) {
	d.feed(a, b)
	if string(a) != string(b) {
		n := min(len(a), len(b))
		for i := range n {
			if a[i] != b[i] {
				d.mark(d.pos+int64(i), 1, a, b)
			}
		}
		if rest := max(len(a), len(b)) - n; rest > 0 {
			d.mark(d.pos+int64(n), int64(rest), a, b)
		}
	}
	d.out.SizeA += int64(len(a))
	d.out.SizeB += int64(len(b))
	d.pos += int64(max(len(a), len(b)))
	d.tails = [2][]byte{tail(d.tails[0], a), tail(d.tails[1], b)}
}

// mark notes n differing bytes at offset.
func (d *differ) mark(offset, n int64, a, b []byte) {
	d.out.Bytes += n
	if d.run >= 0 && offset-d.last > maxGap+1 {
		d.endRun()
	}
	if d.run < 0 {
		d.run = offset
		if d.out.Ranges++; d.out.Ranges == 1 {
			d.out.Offset = offset
		}
		d.startWindow(offset, a, b)
	}
	d.last = offset + n - 1
}

func (d *differ) endRun() {
	if d.run >= 0 && d.out.Ranges <= int64(len(d.out.Windows)) {
		d.out.Windows[d.out.Ranges-1].Length = d.last - d.run + 1
	}
	d.run = -1
}

// startWindow shows the bytes around offset: from the tail of the block before, and from this one.
func (d *differ) startWindow(offset int64, a, b []byte) {
	if len(d.out.Windows) == maxWindows {
		return
	}
	start := max(0, offset&^15-windowLead)
	w := Window{Start: start, Offset: offset}
	w.A = d.around(start, d.tails[0], a)
	w.B = d.around(start, d.tails[1], b)
	d.out.Windows = append(d.out.Windows, w)
	d.open = append(d.open, len(d.out.Windows)-1)
}

// around copies from start on, at most windowLen bytes, out of the tail of the block before and the block at hand.
func (d *differ) around(start int64, tail, block []byte) []byte {
	var w []byte
	if back := d.pos - start; back > 0 && int64(len(tail)) >= back {
		w = append(w, tail[int64(len(tail))-back:]...)
	}
	from := max(0, start-d.pos)
	if from < int64(len(block)) {
		w = append(w, block[from:]...)
	}
	if len(w) > windowLen {
		w = w[:windowLen]
	}
	return append([]byte(nil), w...)
}

// feed gives windows that began in an earlier block the bytes they still want.
func (d *differ) feed(a, b []byte) {
	still := d.open[:0]
	for _, i := range d.open {
		w := &d.out.Windows[i]
		w.A = extend(w.A, w.Start, d.pos, a)
		w.B = extend(w.B, w.Start, d.pos, b)
		if d.pos+int64(max(len(a), len(b))) < w.Start+windowLen {
			still = append(still, i)
		}
	}
	d.open = still
}

func extend(w []byte, start, pos int64, block []byte) []byte {
	if start+int64(len(w)) != pos {
		return w
	}
	return append(w, block[:min(len(block), windowLen-len(w))]...)
}

// tail keeps the last bytes before the next block, enough for a window's lead.
func tail(old, block []byte) []byte {
	if len(block) >= 2*windowLead {
		return append(old[:0], block[len(block)-2*windowLead:]...)
	}
	return append(old, block...)
}

package window

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/selfsame-build/selfsame/compare"
)

const (
	chunk = 128 << 10 // bytes read at a time
	// lookBack and lookAhead are how far around a hit its meaning may stand: a tar header back, a cpio header ahead.
	lookBack  = 512
	lookAhead = 96

	defaultMaxFindings = 200
	maxMtimes          = 10   // findings of file times in one layer; they come in crowds
	maxSeen            = 4096 // files with bare binary values that are judged
)

// Scan searches the new layers of img, its config and its manifest, in one pass and bounded memory. It fails only when a layer
// cannot be read (diagnostic A0403), a span is the wrong way round, too long or not between 2001 and 2106, or ctx is done.
func Scan(ctx context.Context, img *compare.Image, opt Options) (Result, error) {
	s, err := newScanner(img, opt)
	if err != nil {
		return Result{}, fmt.Errorf("searching for build times: %w", err)
	}
	s.document("manifest", img.ManifestBytes())
	s.document("config", img.ConfigBytes())
	for _, l := range img.Layers() {
		if slices.Contains(opt.SkipLayers, l.DiffID) {
			continue
		}
		if err := s.layer(ctx, l); err != nil {
			return Result{}, err
		}
	}
	return s.result(), nil
}

// place is where the scanner is.
type place struct {
	layer int
	path  string
}

type scanner struct {
	img     *compare.Image
	opt     Options
	times   *times
	text    *matcher
	keys    *keys
	buf     []byte
	at      place
	ordinal int
	mtimes  int
	found   []located
	file    []Finding // of the file at hand
	bare    seen
	seen    []*seen
	out     Result
}

// located is a finding with its place in the order of the image.
type located struct {
	Finding
	ordinal int
}

func newScanner(img *compare.Image, opt Options) (*scanner, error) {
	t, err := newTimes(opt.Spans, opt.Epoch)
	if err != nil {
		return nil, err
	}
	if opt.MaxFindings <= 0 {
		opt.MaxFindings = defaultMaxFindings
	}
	return &scanner{img: img, opt: opt, times: t, text: newMatcher(textPatterns(t, opt)), keys: newKeys(t),
		buf: make([]byte, 0, lookBack+lookAhead+chunk)}, nil
}

// document searches the manifest or config, whose findings bear layer -1.
func (s *scanner) document(name string, raw []byte) {
	s.start(place{-1, name})
	s.window(raw, 0, 0, len(raw))
	s.finish(0) // its few bytes do not count as searched
}

func (s *scanner) layer(ctx context.Context, l compare.Layer) error {
	s.mtimes = 0
	s.start(place{l.Index, ""})
	head, err := s.img.BlobStart(l.Index, 16)
	if err != nil {
		return err
	}
	if len(head) >= 8 && head[0] == 0x1f && head[1] == 0x8b {
		s.keep(head, 0, 0, readGzip)
	}
	s.finish(0)
	r, err := s.img.ReadLayer(ctx, l.Index, s.opt.Limits)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.entry(h, r); err != nil {
			return err
		}
	}
}

func (s *scanner) entry(h *tar.Header, body io.Reader) error {
	s.start(place{s.at.layer, clip(h.Name)})
	s.header(h)
	size, err := s.content(body)
	s.finish(size)
	return err
}

// header looks at the entry's times, names and attributes.
func (s *scanner) header(h *tar.Header) {
	s.mtime("the file's time", h.ModTime)
	s.mtime("the file's access time", h.AccessTime)
	s.mtime("the file's change time", h.ChangeTime)
	for _, name := range []string{h.Name, h.Linkname} {
		if len(name) > 0 {
			raw := []byte(name)
			s.text.scan(raw, 0, len(raw), func(at int, p pattern) { s.keep(raw, at, -1, p.read) })
		}
	}
}

func (s *scanner) mtime(what string, at time.Time) {
	if at.IsZero() {
		return
	}
	name, ok := s.times.in(at.Unix())
	if !ok {
		return
	}
	if s.mtimes++; s.mtimes > maxMtimes {
		s.out.Truncated++
		return
	}
	f := finding(ClassMtime, Certain, what+" is from the time of "+name)
	f.Value, f.Offset = at.UTC().Format(time.RFC3339Nano), -1
	s.add(f)
}

// content reads a file through a window that keeps lookBack bytes, so that a hit is met once and with its surroundings.
func (s *scanner) content(r io.Reader) (int64, error) {
	buf := s.buf[:0]
	base, lo := int64(0), 0 // base: offset of buf[0]; lo: first byte not yet searched
	for {
		n, err := io.ReadFull(r, buf[len(buf):min(cap(buf), len(buf)+chunk)])
		first := base == 0 && lo == 0
		buf = buf[:len(buf)+n]
		end := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !end {
			return 0, err
		}
		if first {
			for _, f := range atStart(s.times, s.at.path, buf) {
				s.add(f)
			}
		}
		hi := len(buf)
		if !end {
			hi -= lookAhead
		}
		s.window(buf, base, lo, hi)
		if end {
			return base + int64(len(buf)), nil
		}
		keep := max(0, hi-lookBack)
		copy(buf, buf[keep:])
		buf = buf[:len(buf)-keep]
		base, lo = base+int64(keep), hi-keep
	}
}

// window searches buf[lo:hi], which stands at offset base of the file.
func (s *scanner) window(buf []byte, base int64, lo, hi int) {
	s.text.scan(buf, lo, hi, func(at int, p pattern) { s.keep(buf, at, base, p.read) })
	s.keys.scan(buf, lo, hi, func(at int, v key) {
		if v.number < 0 {
			s.keep(buf, at, base, v.read)
		} else if off := base + int64(at); off%4 == 0 {
			s.bareNumber(v.number, buf, at, off)
		}
	})
}

func (s *scanner) bareNumber(n int, buf []byte, at int, off int64) {
	sec, ok := numbers[n].value(s.times, buf, at)
	if !ok {
		return
	}
	if s.bare.count[n] == 0 {
		s.bare.offset[n], s.bare.sec[n] = off, sec
	}
	s.bare.count[n]++
}

// keep adds what read makes of a hit; base -1 means that buf is no file's content.
func (s *scanner) keep(buf []byte, at int, base int64, read reader) {
	f, back, ok := read(s.times, buf, at)
	if !ok {
		return
	}
	f.Offset = -1
	if base >= 0 {
		f.Offset = base + int64(at+back)
	}
	f.Value = clip(f.Value)
	s.add(f)
}

// add takes one finding of each sort for a file; the others are counted.
func (s *scanner) add(f Finding) {
	for i := range s.file {
		if o := &s.file[i]; o.Class == f.Class && o.Certainty == f.Certainty && o.Summary == f.Summary {
			o.More++
			return
		}
	}
	s.file = append(s.file, f)
}

func (s *scanner) start(p place) {
	s.at = p
	s.ordinal++
	s.file = s.file[:0]
	s.bare = seen{place: p, ordinal: s.ordinal}
}

func (s *scanner) finish(size int64) {
	s.out.Bytes += size
	for _, f := range s.file {
		s.publish(f, s.at, s.ordinal)
	}
	if s.bare.count == (seen{}).count || size == 0 {
		return
	}
	s.out.Chance.Seen += s.bare.count[0] + s.bare.count[1]
	if len(s.seen) == maxSeen {
		s.out.Truncated++
		return
	}
	bare := s.bare
	bare.size = size
	s.seen = append(s.seen, &bare)
}

// publish completes a finding; what has no room is counted.
func (s *scanner) publish(f Finding, at place, ordinal int) {
	f.Platform, f.Layer, f.Path, f.Step = s.img.Platform(), at.layer, at.path, s.opt.Steps[at.layer]
	if len(s.found) == s.opt.MaxFindings {
		s.out.Truncated++
		return
	}
	s.found = append(s.found, located{f, ordinal})
}

func (s *scanner) result() Result {
	for _, b := range s.seen {
		for _, f := range b.judgeChance(s.times, s.out.Bytes) {
			s.publish(f, b.place, b.ordinal)
		}
	}
	sort.SliceStable(s.found, func(i, j int) bool { return s.found[i].ordinal < s.found[j].ordinal })
	for _, f := range s.found {
		s.out.Findings = append(s.out.Findings, f.Finding)
	}
	s.out.Chance.Expected = numbers[0].chance(s.times, s.out.Bytes) + numbers[1].chance(s.times, s.out.Bytes)
	return s.out
}

// clip bounds what is kept of untrusted names and values.
func clip(s string) string {
	const most = 1024
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

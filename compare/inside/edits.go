package inside

// run is a differing run of bytes; one side may be empty.
type run struct{ a0, a1, b0, b1 int64 }

// runGap is how many equal bytes do not end a run.
const runGap = 8

// runs collects runs in order. Only those that will be shown are kept, and one more, where the last one's context ends.
type runs struct {
	kept []run
	last run
	any  bool
	more int // runs that are not kept
}

func (l *runs) add(r run) {
	if r.a0 == r.a1 && r.b0 == r.b1 {
		return
	}
	if l.any && r.a0-l.last.a1 <= runGap && r.b0-l.last.b1 <= runGap {
		l.last.a1, l.last.b1 = r.a1, r.b1
		return
	}
	l.flush()
	l.last, l.any = r, true
}

func (l *runs) flush() {
	switch {
	case !l.any:
	case l.full():
		l.more++
	default:
		l.kept = append(l.kept, l.last)
	}
	l.any = false
}

func (l *runs) full() bool { return len(l.kept) > MaxEdits }

// show adds the runs as a part.
func (c *comparer) show(at place, kind Kind, format string, a, b File, l *runs) {
	l.flush()
	n := min(len(l.kept), MaxEdits)
	if c.done() || n == 0 {
		return
	}
	p := Part{Path: at.path, Format: format, Kind: kind, More: l.more + len(l.kept) - n}
	if c.shown <= 0 {
		p.More += n - 1
		n = 1
	}
	lastA, lastB := int64(0), int64(0)
	for i, r := range l.kept[:n] {
		e := Edit{OffsetA: r.a0, OffsetB: r.b0, LenA: r.a1 - r.a0, LenB: r.b1 - r.b0}
		e.A, e.B = a.upTo(r.a0, int(min(e.LenA, MaxRun))), b.upTo(r.b0, int(min(e.LenB, MaxRun)))
		before := min(r.a0-lastA, r.b0-lastB, MaxContext)
		e.Before = a.upTo(r.a0-before, int(before))
		after := min(a.Size-r.a1, b.Size-r.b1, MaxContext)
		if i+1 < len(l.kept) {
			after = min(after, l.kept[i+1].a0-r.a1, l.kept[i+1].b0-r.b1)
		}
		e.After = a.upTo(r.a1, int(after))
		lastA, lastB = r.a1, r.b1
		p.Edits = append(p.Edits, e)
	}
	c.add(p)
}

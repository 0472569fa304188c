package builder

import (
	"strconv"
	"time"

	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/canary"
)

// known is what is known of both builds' surroundings: a difference between the images that holds these values owes itself to them.
func (r *twinRun) known(epoch time.Time) cause.World {
	w := cause.World{Epoch: epoch.Unix(), Inodes: cause.Inodes{A: r.a.report.Inode, B: r.b.report.Inode}}
	took := r.solved.Sub(r.from)
	w.SpansA = windows(r.from, r.solved, took, 0)
	w.SpansB = windows(r.from, r.solved, took, r.b.world.daemon.ClockOffset)
	r.addEarlier(&w, epoch)
	for _, p := range plantedTable {
		if a, b := p.value(r.a.report), p.value(r.b.report); a != b {
			w.Planted = append(w.Planted, cause.Planted{Class: p.class, Axis: p.axis, A: a, B: b, Whole: p.whole})
		}
	}
	return w
}

// addEarlier adds the times of the builds that made what both builders had in their caches.
func (r *twinRun) addEarlier(w *cause.World, epoch time.Time) {
	for _, p := range r.pairs {
		for _, l := range p.A.Layers() {
			before, ok := r.host.searched(l.DiffID, epoch)
			if !ok {
				continue
			}
			for _, s := range before.Spans {
				if s.Name != movedClock {
					w.SpansA = append(w.SpansA, s)
				}
				w.SpansB = append(w.SpansB, s)
			}
		}
	}
}

// plantedTable are the values that a step may come upon, as the canary came upon them.
var plantedTable = []struct {
	class cause.Class
	axis  string
	whole bool
	value func(canary.Report) string
}{
	{"T7", "host name", false, func(r canary.Report) string { return r.Hostname }},
	{"T8", "kernel name", false, func(r canary.Report) string { return r.Release }},
	{"T8", "kernel version", false, func(r canary.Report) string { return r.Version }},
	{"T8", "/proc/version", false, func(r canary.Report) string { return r.ProcVersion }},
	{"T12", "environment", false, func(r canary.Report) string { return r.Environment }},
	{"T12", "boot id", false, func(r canary.Report) string { return r.BootID }},
	{"T10", "time zone", false, func(r canary.Report) string { return r.TimeZone }},
	{"T9", "locale", false, func(r canary.Report) string { return r.Locale }},
	{"T16", "CPU features", false, func(r canary.Report) string { return r.Tunables }},
	{"T12", "open files", true, func(r canary.Report) string { return strconv.FormatUint(r.OpenFiles, 10) }},
	{"T12", "CPU count", true, func(r canary.Report) string { return strconv.Itoa(r.CPUs) }},
}

package engine

import (
	"time"

	"github.com/selfsame-build/selfsame/policy"
)

// entry is what is known of one image: the verdict, and whence it comes. It does not change.
type entry struct {
	epoch    Epoch
	gathered time.Time // when the evidence was
	ends     time.Time // the evidence's NotAfter; the zero time: it does not end
	denied   bool      // the deny list names it: break-glass is of no use
	objected bool      // somebody trusted speaks against it
	room     room      // which bounds it is kept in
	verdict  policy.Verdict
	failed   error // gathering did; there is no evidence
	// elsewhere is what of the evidence is about other images, for a denial's words.
	elsewhere []policy.Elsewhere
	tried     time.Time // when it was last tried to gather anew, in vain
}

// kept is evidence, and how it is kept.
type kept struct {
	evidence *policy.Evidence
	packed   []byte
}

// newEntry is what follows from evidence; nobody has judged it.
func newEntry(e *policy.Evidence, epoch Epoch, gathered time.Time) *entry {
	out := &entry{epoch: epoch, gathered: gathered.Round(0), ends: e.NotAfter, elsewhere: e.Elsewhere}
	for _, b := range e.Blocks {
		out.denied = out.denied || b.Verdict == blockDenied
		out.objected = out.objected || b.Verdict == blockObjected
	}
	switch bare := len(e.Signatures)+len(e.Provenance)+len(e.Rebuilds)+len(e.Statements)+len(e.Packages)+len(e.HandedOn) == 0; {
	case bare && out.denied:
		out.room = roomDenied
	case bare:
		out.room = roomBare
	}
	return out
}

// room is one of several that images are kept in, each with bounds of its own, so that what anybody can have asked about at will pushes out
// nothing else.
type room int

const (
	roomKnown room = iota // something verified about it
	roomBare              // nothing did: anybody can make any number of such images
	// roomDenied: nothing did, and it is denied. What is on the list is denied under every name that somebody thinks of, and so is every
	// index that names it. Break-glass goes by what is here: others must not push that out.
	roomDenied
)

var rooms = []room{roomKnown, roomBare, roomDenied}

// The verdicts of blocks by the deny list, and by statements against the image (verify.Denied and verify.NotReproduced: without a veto, the
// latter is no block).
const (
	blockDenied   = "denied"
	blockObjected = "not-reproduced"
)

// lives are the spans of config.Keep.
type lives struct{ fresh, stale, refused time.Duration }

// age says how long ago the evidence was gathered; future: its time lies ahead, so that nothing can be said.
func (e *entry) age(now time.Time) (age time.Duration, future bool) {
	age = now.Sub(e.gathered)
	return max(age, 0), age < -maxBack
}

// usable says whether the evidence counts at all, with this epoch and at this time.
func (e *entry) usable(epoch Epoch, l lives, now time.Time) bool {
	age, future := e.age(now)
	return e.failed == nil && e.epoch == epoch && !future && age < l.stale && (e.ends.IsZero() || now.Before(e.ends))
}

// due says whether the registry should be asked again. What is refused is asked for again soon: what is missing may have come.
func (e *entry) due(allowed bool, l lives, now time.Time) bool {
	age, _ := e.age(now)
	if since := now.Sub(e.tried); !e.tried.IsZero() && since >= 0 && since < l.refused {
		return false
	}
	if !allowed {
		return age >= l.refused
	}
	return age >= l.fresh
}

// holds says whether the verdict can be given as it is.
func (e *entry) holds(sha256 string, epoch Epoch, l lives, now time.Time) bool {
	if e.failed != nil {
		return e.epoch == epoch && !e.due(false, l, now)
	}
	return e.stands(sha256, epoch, l, now) && !e.due(e.verdict.Allow, l, now)
}

// stands says whether there is a verdict and it counts, though the registry may be due to be asked again.
func (e *entry) stands(sha256 string, epoch Epoch, l lives, now time.Time) bool {
	v := e.verdict
	return e.failed == nil && v.By.SHA256 == sha256 && e.usable(epoch, l, now) && (v.NotAfter.IsZero() || now.Before(v.NotAfter))
}

// judged is the entry with a new verdict over the same evidence.
func (e *entry) judged(v policy.Verdict) *entry {
	c := *e
	c.verdict = v
	if !e.ends.IsZero() && (v.NotAfter.IsZero() || e.ends.Before(v.NotAfter)) {
		c.verdict.NotAfter = e.ends
	}
	return &c
}

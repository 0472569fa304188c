package verify

import (
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// Origin is a provenance statement that every check of origin accepted: who repeats a build must read this one and no other that
// happens to be attached.
type Origin struct {
	Provenance provenance.Provenance
	Name       string        // of its subject: the repository
	By         trust.Party   // who signed it
	At         time.Time     // when, as a trusted party vouches for; zero: nobody does
	Payload    digest.Digest // of the statement's bytes
}

// keep keeps the statement that origin has accepted for img, and p, which it says.
func (j *judge) keep(img image, s statement, p provenance.Provenance) {
	if j.origins == nil {
		j.origins = map[digest.Digest]Origin{}
	}
	j.origins[img.desc.Digest] = Origin{p, s.name(), s.by, s.at, s.payload}
	if level, listed := j.level(s, p.Builder()); listed || j.options.MinLevel > 0 {
		j.levels[img.desc.Digest] = level // of no other candidate: a better one that does not hold gives nothing
	}
}

// Origin is what was accepted of where d comes from. It says nothing of the verdict: some other check may have failed.
func (r Result) Origin(d digest.Digest) (Origin, bool) {
	o, ok := r.origins[d]
	return o, ok
}

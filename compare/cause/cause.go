// Package cause names why two builds differ.
//
// The surroundings of the twins were made unlike on purpose, with values that no file holds by accident: two host names, two kernel
// names, two clocks thirteen months apart. So most causes need not be guessed. Where A's bytes hold A's value and B's bytes, at the same
// place, hold B's, that is the cause, and the certainty is Certain. Where a difference only has the shape that a cause leaves (two
// random identifiers, the same lines in another order), it is Likely. All else is Unknown, and is said to be.
//
// There is one file for each class of the catalogue, T1 to T25; Catalogue lists them. The package is pure: differences and the world's
// values in, findings out.
package cause

import (
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/inside"
	"github.com/selfsame-build/selfsame/compare/window"
)

// Class is a cause's number in the catalogue: "T1" to "T25".
type Class string

// Certainty is how sure a verdict is.
type Certainty string

// The certainties, best first.
const (
	Certain Certainty = "certain" // a value that was planted, or a field that means nothing else by its format
	Likely  Certainty = "likely"  // the shape that this cause leaves, and no other known cause does
	Unknown Certainty = "unknown"
)

// World is what was known of both builds before they ran.
type World struct {
	// Planted are values of A and B that are known to differ, because somebody chose or measured them.
	Planted []Planted
	// SpansA and SpansB are the times in which each build ran, by every clock that it could read.
	SpansA, SpansB []window.Span
	// Epoch is SOURCE_DATE_EPOCH in Unix seconds; 0: none.
	Epoch int64
	// Inodes are numbers that each builder's filesystem gave a new file.
	Inodes Inodes
}

// Inodes are samples of both builders; zero: not known.
type Inodes struct{ A, B uint64 }

// near says whether two numbers are such as the filesystems give. The twins' filesystems number in ways of their own: one counts up from
// few, the other places files far apart.
func (i Inodes) near(a, b uint64) bool {
	return i.A > 0 && i.B > 0 && a != b && a > 1 && b > 1 && within(a, i.A) && within(b, i.B)
}

func within(n, sample uint64) bool {
	slack := max(sample/2, 100_000)
	return n+slack >= sample && n <= sample+slack
}

// Planted is one value on both sides.
type Planted struct {
	Class Class
	Axis  string // the evidence's name for the difference: "host name", "kernel name", ...
	A, B  string
	// Whole says that the value is too short to be searched for within other text: it counts only as a whole word that differs.
	Whole bool
}

// Finding is one difference with its cause.
type Finding struct {
	Difference compare.Difference
	Part       *inside.Part // the place within the file; nil: the entry itself, or its bytes as a whole
	Class      Class        // "" where no cause is known
	Certainty  Certainty
	Evidence   string // one line: what was seen that makes it this cause
	Fix        string // one edit or command; ""
	Axis       string // of the planted value that was found, as the evidence names it; ""
	// OfTime says that the values on both sides are times, each of its own build.
	OfTime bool
	// Also are other causes that fit less well, best first.
	Also []Class
	// More counts differences of the same cause, in the same step, that are not listed.
	More int
}

// Package window looks for leaks that match: values that both builds share and that a later rebuild will not.
//
// Two builds that run within the same minutes, or that read a clock nobody moved, can agree on the time of day. So an
// image that two builds agree on is searched for values from the builds' own time windows, and for the names of the
// machines they ran on. What is found is a warning with a certainty, never a proof: a date may be there for a good reason,
// and four bytes of a compressed file may look like a time by chance. How often chance alone would do that is computed and
// reported, and bare binary values are only named when chance does not explain them.
package window

import (
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/compare"
)

// Span is the time in which one build ran, by one clock: real time for A, and for B both its real and its moved time.
// Both ends are included, at a resolution of one second. A span may be at most 31 days long.
type Span struct {
	Name     string // shown in summaries: "A", "B", "B's moved clock"
	From, To time.Time
}

// Options says what to look for.
type Options struct {
	Spans []Span
	// SkipLayers are diffIDs whose layers are not scanned: those of a base image, which no build of ours made.
	SkipLayers []digest.Digest
	// HostNames and Kernels (release and version strings) are looked for as they are. Shorter than 4 bytes they are
	// ignored: they would be found everywhere.
	HostNames []string
	Kernels   []string
	// BootIDs are the random names that the kernel gave itself when it started (/proc/sys/kernel/random/boot_id).
	BootIDs []string
	// Epoch is SOURCE_DATE_EPOCH: the one time that may be in the image. Zero: none.
	Epoch time.Time
	// Steps attributes findings, by layer index.
	Steps map[int]compare.Step
	// Limits bound what a hostile layer may cost; zero fields take compare.DefaultLimits.
	Limits compare.Limits
	// MaxFindings bounds Result.Findings (default 200); the rest is counted in Truncated.
	MaxFindings int
}

// Class is the sort of leak, by the numbers of the cause catalogue (T1 to T25).
type Class string

// The classes that a scan can name.
const (
	ClassClock   Class = "T1"  // wall clock in content
	ClassMtime   Class = "T2"  // file or directory time
	ClassArchive Class = "T3"  // time in an archive's metadata
	ClassHost    Class = "T7"  // host name
	ClassKernel  Class = "T8"  // kernel name
	ClassEnviron Class = "T12" // what the machine is: its boot id
	ClassTool    Class = "T24" // tool metadata, such as the time in a .pyc header
)

// Certainty is how sure a finding is.
type Certainty string

// The certainties. Certain: a field that is a time by its format. Likely: no other good explanation. Unknown: a
// coincidence is possible, such as a bare date.
const (
	Certain Certainty = "certain"
	Likely  Certainty = "likely"
	Unknown Certainty = "unknown"
)

// Finding is one leaked value, or several of one sort in one file.
type Finding struct {
	Class     Class
	Certainty Certainty
	Platform  string
	Layer     int // index from 0
	Step      compare.Step
	Path      string // as in the tar, untrusted; "" where the value is in the layer's own wrapping
	Offset    int64  // within the file; -1 for a value in the tar header
	Value     string // as found, untrusted
	Summary   string // one line, lower case, without the value
	More      int    // further values of this sort in the same file
}

// Result is what a scan found, sorted by layer, then in the tar's order.
type Result struct {
	Findings  []Finding
	Truncated int   // findings that had no room
	Bytes     int64 // bytes of file content searched
	// Chance compares the bare 32-bit values seen within the spans with how many random bytes would have.
	Chance Chance
}

// Chance is the count of bare binary values inside the spans, seen and expected of random data of the same length.
type Chance struct {
	Seen     int
	Expected float64
}

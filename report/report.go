// Package report turns one result into what people and programs read.
//
// A Result is the JSON that `--json` prints, field by field; the text is rendered from that same value, so that the two can
// never disagree. Everything in it that came out of an image (names, bytes, values) is untrusted and is escaped on the way
// to a terminal.
package report

// SchemaVersion is the version of Result's JSON shape. Fields are only ever added under one version.
const SchemaVersion = 1

// Result is the outcome of `selfsame build` or `selfsame diff`.
type Result struct {
	SchemaVersion int    `json:"schemaVersion"`
	Name          string `json:"name"`      // the recipe's name
	Reference     string `json:"reference"` // repo@sha256:... as pushed, or "" for a local build
	Digest        string `json:"digest"`    // of the index; "" when not reproducible
	// Platforms maps os/arch[/variant] to A's manifest digest.
	Platforms    map[string]string `json:"platforms"`
	Reproducible bool              `json:"reproducible"`
	// Axes names the variations that were measured to differ between A and B; NotApplied those that were wanted and did not.
	Axes       []string     `json:"axes"`
	NotApplied []NotApplied `json:"notApplied,omitempty"`
	Findings   []Finding    `json:"findings"`
	// Omitted counts differences and warnings that are not in Findings.
	Omitted int `json:"omitted,omitempty"`
	// Notes are remarks that are neither differences nor warnings.
	Notes []string `json:"notes,omitempty"`
	// Compared says how each platform came out.
	Compared []Compared `json:"compared,omitempty"`
	Build    *Build     `json:"build,omitempty"`
	// Timeline is when each step ran on each twin, in the order of starting.
	Timeline []Span `json:"timeline,omitempty"`
	// Experiment and Patches are there when the guilty step was run again (selfsame explain).
	Experiment *Experiment `json:"experiment,omitempty"`
	Patches    []Patch     `json:"patches,omitempty"`
	// Next is the one command that comes next, as typed.
	Next string `json:"next,omitempty"`
	// Files are the paths that the text points at: the report itself, and both results.
	Files Files `json:"files,omitzero"`
}

// NotApplied is a variation that was wanted but not measured to differ, or that some steps did without.
type NotApplied struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	// Steps are those that did without, where the variation was measured otherwise; it is then among Axes too.
	Steps []NotAppliedStep `json:"steps,omitempty"`
}

// NotAppliedStep is a step that a variation did not apply to.
type NotAppliedStep struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// Compared is one platform's comparison.
type Compared struct {
	Platform string `json:"platform"` // "index" for the index itself
	Level    string `json:"level"`    // compare.Level: manifest, content, different
	A        string `json:"a"`        // manifest digests; empty where a side does not have the platform
	B        string `json:"b"`
	LayersA  int    `json:"layersA"`
	LayersB  int    `json:"layersB"`
	// Differing lists the layers that differ, counted from 1.
	Differing []Layer `json:"differing,omitempty"`
}

// Layer counts what differs in one layer.
type Layer struct {
	Layer    int    `json:"layer"`            // from 1, in A; where only B has it, in B
	LayerB   int    `json:"layerB,omitempty"` // its number in B, where that is another
	Only     string `json:"only,omitempty"`   // A or B: the other side has no such layer
	Step     string `json:"step,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Added    int    `json:"added,omitempty"`
	Removed  int    `json:"removed,omitempty"`
	Modified int    `json:"modified,omitempty"`
	Metadata int    `json:"metadata,omitempty"`
	Moved    int    `json:"moved,omitempty"`
}

// Finding is one difference, or one warning about an image that is equal.
type Finding struct {
	Class     string `json:"class"`     // T1 to T25; "" where the cause is not known
	Certainty string `json:"certainty"` // certain, likely or unknown: of the class
	Severity  string `json:"severity"`  // error: a difference; warning: A and B agree on something that will not last
	Platform  string `json:"platform"`
	Layer     int    `json:"layer"` // from 1; 0 for the manifest or config
	Path      string `json:"path"`  // file name or JSON path; control and invalid bytes are escaped
	Step      string `json:"step"`
	File      string `json:"file,omitempty"` // the file that Line is in
	Line      int    `json:"line"`
	Summary   string `json:"summary"`        // one line
	Fix       string `json:"fix"`            // one edit or command, or ""
	Kind      string `json:"kind,omitempty"` // compare.Kind
	// Offset (from 0) and Bytes say where a file's content differs and at how many positions.
	Offset *int64   `json:"offset,omitempty"`
	Bytes  int64    `json:"bytes,omitempty"`
	Values []Values `json:"values,omitempty"`
	More   int      `json:"more,omitempty"` // findings like this one that were left out
	// Within is the way from the file to the difference in it: "gzip > tar:pages/index.html > mtime"; empty: the file itself.
	Within string `json:"within,omitempty"`
	// Cause is the class's name, Evidence what was seen that makes it this one, Also other classes that fit less well.
	Cause    string   `json:"cause,omitempty"`
	Evidence string   `json:"evidence,omitempty"`
	Also     []string `json:"also,omitempty"`
	// Hunks are the first runs of bytes that differ.
	Hunks []Hunk `json:"hunks,omitempty"`
}

// Hunk is one run of bytes on both sides, with equal bytes around it. Bytes are base64 in JSON.
type Hunk struct {
	OffsetA int64  `json:"offsetA"` // from 0, in the innermost content that Within names
	OffsetB int64  `json:"offsetB"`
	Before  []byte `json:"before,omitempty"`
	A       []byte `json:"a"` // as much of the run as is shown
	B       []byte `json:"b"`
	After   []byte `json:"after,omitempty"`
	LengthA int64  `json:"lengthA"` // of the whole run
	LengthB int64  `json:"lengthB"`
}

// Experiment is what running the guilty step again, with one thing varied at a time, has shown.
type Experiment struct {
	Step    string `json:"step"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Verdict string `json:"verdict"` // one sentence
	// Causes are the axes without which the results agree; Random says that they differ with nothing varied.
	Causes []string `json:"causes,omitempty"`
	Random bool     `json:"random,omitempty"`
	Runs   []Trial  `json:"runs"`
}

// Trial is one run of the step beside the one it is compared with.
type Trial struct {
	Varied  []string `json:"varied"` // axes; empty: the control
	Equal   bool     `json:"equal"`
	Seconds float64  `json:"seconds"`
}

// Patch is a remedy that was tried, as a change of the recipe or Dockerfile.
type Patch struct {
	Class    string `json:"class"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Diff     string `json:"diff"`     // unified
	Verified bool   `json:"verified"` // the step, so changed, was built twice and came out the same
	Note     string `json:"note,omitempty"`
}

// Span is when one step ran on one twin. Seconds count from the start of the first step of either.
type Span struct {
	Twin    string  `json:"twin"` // A or B
	Step    string  `json:"step"`
	File    string  `json:"file,omitempty"`
	Line    int     `json:"line,omitempty"`
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
	Cached  bool    `json:"cached,omitempty"`
}

// Values is one value on both sides, escaped; nil where a side has none. A warning has A only.
type Values struct {
	Name string  `json:"name"`
	A    *string `json:"a"`
	B    *string `json:"b"`
}

// Build is how the two builds went. Times are seconds.
type Build struct {
	Steps    int     `json:"steps"`
	Cached   int     `json:"cached"`
	SecondsA float64 `json:"secondsA"`
	SecondsB float64 `json:"secondsB"`
}

// Files are paths on this machine.
type Files struct {
	Report string `json:"report,omitempty"`
	A      string `json:"a,omitempty"`
	B      string `json:"b,omitempty"`
}

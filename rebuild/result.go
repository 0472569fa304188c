package rebuild

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/verify"
)

// SchemaVersion is the version of Result's JSON shape, which only ever gains fields.
const SchemaVersion = 1

// Verdict is what an audit came to.
type Verdict string

// The verdicts. Unsteady: the auditor's own two builders differ, so nothing could have been the same.
const (
	Reproduced Verdict = "reproduced" // 0
	Different  Verdict = "different"  // 13
	Unsteady   Verdict = "unsteady"   // 13
)

// Result of one audit. Text and JSON are made from the same value.
type Result struct {
	SchemaVersion int           `json:"schemaVersion"`
	Reference     string        `json:"reference"`
	Name          string        `json:"name"` // the repository that the evidence names
	Digest        digest.Digest `json:"digest"`
	Verdict       Verdict       `json:"verdict"`
	ExitCode      int           `json:"exitCode"`
	Summary       string        `json:"summary"`
	Evidence      Evidence      `json:"evidence"`
	// Level is how equal the images are: of an index, the least equal platform. Empty: they differ in content.
	Level     provenance.Level `json:"level"`
	Rebuilt   Rebuilt          `json:"rebuilt"`
	Platforms []Platform       `json:"platforms"`
	// Inputs says where the inputs were had from; Gone lists what upstream does not have any more.
	Inputs provenance.InputsFrom `json:"inputs"`
	Locked provenance.Locked     `json:"locked"`
	Gone   []Gone                `json:"gone,omitempty"`
	// KeptBases are the Debian bases that an earlier audit made, by name; none where each was made for this one.
	KeptBases []string `json:"keptBases,omitempty"`
	// Claimed is the independence that the auditor claims, Observed what was seen of it.
	Claimed  provenance.Independence `json:"independence"`
	Observed provenance.Observed     `json:"observed"`
	Axes     []provenance.Axis       `json:"axes"`
	// Challenge is our answer, Peers what our build says of the answers of others.
	Challenge *provenance.Challenge `json:"challenge,omitempty"`
	Peers     []Peer                `json:"peers,omitempty"`
	// Statements are what was made of it all; NotSigned says why one that could be signed is not.
	Statements []Statement `json:"statements"`
	NotSigned  string      `json:"notSigned,omitempty"`
	Seconds    float64     `json:"seconds"` // that the build took

	// Report explains the difference; nil: there is none.
	Report *report.Result `json:"-"`

	builders []provenance.Twin
}

// Evidence is what was verified before anything was built.
type Evidence struct {
	Verdict    verify.Verdict `json:"verdict"`
	Summary    string         `json:"summary"`
	SignedBy   string         `json:"signedBy"`
	Provenance digest.Digest  `json:"provenance"` // of the statement that was followed
}

// Rebuilt is what came out.
type Rebuilt struct {
	Digest digest.Digest `json:"digest"`
	Folder string        `json:"folder,omitempty"` // where it was kept
}

// Platform is one platform of the comparison.
type Platform struct {
	Platform string           `json:"platform"`
	Original digest.Digest    `json:"original"`
	Rebuilt  digest.Digest    `json:"rebuilt"`
	Level    provenance.Level `json:"level"` // empty: the contents differ

	made    provenance.Image
	subject descriptor
	unseen  bool // it could not be looked into
}

// Gone is an input that upstream does not have any more as it was locked.
type Gone struct {
	Key     string `json:"key"`
	Changed bool   `json:"changed"` // upstream has other bytes
	Reason  string `json:"reason"`
}

// Statement is one that was made.
type Statement struct {
	Subject  digest.Digest `json:"subject"`
	Result   string        `json:"result"`
	SignedBy string        `json:"signedBy,omitempty"`
	// Referrer is where it was attached, File where it was written.
	Referrer digest.Digest `json:"referrer,omitempty"`
	File     string        `json:"file,omitempty"`
}

// take notes what the repetition was.
func (r *Result) take(rep *builder.Repetition, p provenance.Provenance) {
	r.builders = rep.Builders
	r.Rebuilt.Digest = rep.Index.Digest
	r.Seconds = rep.Finished.Sub(rep.Started).Seconds()
	r.KeptBases = rep.KeptBases()
	r.Observed = observe(rep.Builders[0], p)
	r.Axes = append(slices.Clone(rep.Axes), apartFrom(p, rep, r.Observed)...)
}

// conclude derives verdict, exit code and summary.
func (r *Result) conclude(want provenance.Level, unsteady bool) {
	switch {
	case unsteady:
		r.Verdict, r.Summary = Unsteady, "the two builders of this audit do not agree with each other"
	case levelRank(r.Level) >= levelRank(want):
		r.Verdict, r.Summary = Reproduced, "reproduced: "+levelWords[r.Level]
	case r.Level != "":
		r.Verdict, r.Summary = Different, fmt.Sprintf("not the same by the level %s: %s", want, levelWords[r.Level])
	default:
		r.Verdict, r.Summary = Different, "different: the rebuilt image does not hold what the published one holds"
	}
	if r.Verdict != Reproduced {
		r.ExitCode = diag.ExitNotReproducible
	}
}

// Err is nil for Reproduced, else the diagnostic that carries exit 13.
func (r *Result) Err() error {
	if r.Verdict == Reproduced && r.ExitCode == diag.ExitProven {
		return nil
	}
	return diag.Errorf("A0806", "`%s`: %s", r.Reference, r.Summary).WithHelp("selfsame explain A0806")
}

// JSON writes the result as a document of SchemaVersion.
func (r *Result) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Text writes the result for people; the verdict is the last line.
func (r *Result) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "evidence   %s, signed by %s\n", r.Evidence.Verdict, r.Evidence.SignedBy)
	fmt.Fprintf(&b, "inputs     %s: %d, of which %d were vouched for by the recording alone%s\n", r.Inputs, r.Locked.Total, r.Locked.FirstSeen, r.upstream())
	if len(r.KeptBases) > 0 {
		fmt.Fprintf(&b, "bases      made by an earlier audit: %s\n", list(r.KeptBases))
	}
	for _, p := range r.Platforms {
		level := string(p.Level)
		if level == "" {
			level = "different"
		}
		fmt.Fprintf(&b, "%-10s %s: %s, rebuilt %s\n", level, p.Platform, p.Original, p.Rebuilt)
	}
	fmt.Fprintf(&b, "claimed    %s; seen to differ from the original's builders: %s; the same: %s\n", r.Claimed, list(r.Observed.Differs), list(r.Observed.Same))
	if r.Challenge != nil {
		fmt.Fprintf(&b, "challenge  %d stages answered for\n", len(r.Challenge.Intermediates))
	}
	for _, p := range r.Peers {
		fmt.Fprintf(&b, "peer       %s\n", p.line())
	}
	for _, s := range r.Statements {
		fmt.Fprintf(&b, "statement  %s about %s, %s\n", s.Result, s.Subject, s.where())
	}
	if r.NotSigned != "" {
		fmt.Fprintf(&b, "not signed %s\n", r.NotSigned)
	}
	if r.Rebuilt.Folder != "" {
		fmt.Fprintf(&b, "kept       %s\n", r.Rebuilt.Folder)
	}
	fmt.Fprintf(&b, "verdict    %s\n", r.Summary)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) upstream() string {
	switch {
	case r.Inputs == provenance.InputsRefetched:
		return "; upstream still has all of them"
	case r.Locked.Changed+r.Locked.Vanished > 0:
		return fmt.Sprintf("; upstream has %d as locked, %d changed, %d vanished", r.Locked.Refetched, r.Locked.Changed, r.Locked.Vanished)
	}
	return ""
}

func (s Statement) where() string {
	out := "unsigned"
	if s.SignedBy != "" {
		out = "signed by " + s.SignedBy
	}
	if s.Referrer != "" {
		return out + ", attached as " + string(s.Referrer)
	}
	return out + ", in " + s.File
}

func list(l []string) string {
	if len(l) == 0 {
		return "nothing"
	}
	return strings.Join(l, ", ")
}

package verify

import (
	"encoding/json"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
)

// SchemaVersion is the version of Result's JSON shape, which only ever gains fields.
const SchemaVersion = 1

// Status is how a check ended.
type Status string

// The statuses. StatusNotChecked never helps a verdict.
const (
	StatusOK         Status = "ok"
	StatusFail       Status = "fail"
	StatusNotChecked Status = "not-checked"
)

// Verdict is the conclusion from all checks.
type Verdict string

// The verdicts, each with its exit code (DESIGN §7).
const (
	VerdictVerified      Verdict = "verified"       // 0
	VerdictAllowed       Verdict = "allowed"        // 0: not proven, and a policy allows it all the same
	VerdictNotReproduced Verdict = "not-reproduced" // 14: signed, but no rebuild is proven, or one failed
	VerdictRefused       Verdict = "refused"        // 14: not at the level or by the rebuilders that were asked for, or a policy denies it
	VerdictInvalid       Verdict = "invalid"        // 15: evidence is there and does not hold
	VerdictMissing       Verdict = "missing"        // 16: there is no evidence
	VerdictDenied        Verdict = "denied"         // 14: it is on the deny list, whatever the evidence says
	VerdictUndecided     Verdict = "undecided"      // 17: not everything could be read, and what was read does not suffice
)

// Check is one thing that was looked at, in the order in which it was done.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Who is the party that the check relies on: a key, a builder.
	Who string `json:"who,omitempty"`
	// Detail is what was seen.
	Detail string `json:"detail,omitempty"`
	// Reason says why the check failed or was not made.
	Reason string `json:"reason,omitempty"`

	verdict Verdict // what a failure means
	final   bool    // nothing that was not read could change it
	block   bool    // it speaks against the image, or hides what could: no rule of a policy lifts it
}

// Subject is one manifest with the checks of its evidence.
type Subject struct {
	Digest   digest.Digest `json:"digest"`
	Platform string        `json:"platform,omitempty"` // empty for the index
	Label    string        `json:"label"`              // "index", the platform, or "image"
	Checks   []Check       `json:"checks"`
}

// Evidence is a statement by somebody whose word counts.
type Evidence struct {
	Subject  digest.Digest `json:"subject"` // the manifest that it is attached to
	Referrer digest.Digest `json:"referrer"`
	Bundle   digest.Digest `json:"bundle"`
	// Statement is the sha256 of what is signed; a waiver names a finding by it.
	Statement     digest.Digest `json:"statement"`
	PredicateType string        `json:"predicateType"`
	Signer        string        `json:"signer"`
}

// Ignored is a referrer that counted for nothing.
type Ignored struct {
	Subject  digest.Digest `json:"subject"`
	Referrer digest.Digest `json:"referrer"`
	Reason   string        `json:"reason"`
}

// Result is what verification found. Text and JSON are made from the same value.
type Result struct {
	SchemaVersion int           `json:"schemaVersion"`
	Reference     string        `json:"reference"`
	Name          string        `json:"name,omitempty"` // the repository that the evidence names
	Digest        digest.Digest `json:"digest"`
	Verdict       Verdict       `json:"verdict"`
	ExitCode      int           `json:"exitCode"`
	// Summary is the verdict in one line.
	Summary string `json:"summary"`

	Reproduced   bool                    `json:"reproduced"`
	Independence provenance.Independence `json:"independence,omitempty"` // the weakest of all manifests
	Axes         []string                `json:"axes"`                   // on which the builders were seen to differ, for every manifest

	// Level is the SLSA build level up to which signer and builder are trusted, the least of all manifests; 0: none is known.
	Level int `json:"level,omitempty"`
	// Rebuilders are the owners who built every manifest again with the same result.
	Rebuilders []string `json:"rebuilders"`
	// Lists are the deny lists and release indexes that counted.
	Lists []List `json:"lists"`

	Subjects []Subject `json:"subjects"`
	// Evidence lists every statement that was taken into account.
	Evidence []Evidence `json:"evidence"`
	// Ignored lists every referrer that counted for nothing; NotRead counts those beyond the budget.
	Ignored []Ignored `json:"ignored"`
	NotRead int       `json:"notRead"`
	// Policy is what a policy made of it, where one decided (Judge).
	Policy *policy.Verdict `json:"policy,omitempty"`

	// What summaries take from the run beside all that.
	subject      ocispec.Descriptor
	policySHA256 string
	asked        string   // what else the policy was (Options.asked)
	platforms    []string // owners of build platforms that made every manifest, the first one included
	origins      map[digest.Digest]Origin
	facts        *policy.Evidence // nil: not asked for
	unanswered   error
	verdicts     bool // one that is handed on may count
}

// Unanswered is why a part of the evidence or a release index could not be fetched; nil: everything that was asked for was answered. Asking
// again may then lead to another result, whereas a bound that was reached will be reached again.
func (r Result) Unanswered() error { return r.unanswered }

// JSON is the result as a document of SchemaVersion, indented, with a newline at the end.
func (r Result) JSON() ([]byte, error) {
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// Err is nil for VerdictVerified, else the diagnostic (A053x) that carries the exit code.
func (r Result) Err() error {
	code, ok := map[Verdict]diag.Code{
		VerdictNotReproduced: codeNotReproduced,
		VerdictRefused:       codeRefused,
		VerdictInvalid:       codeInvalid,
		VerdictMissing:       codeMissing,
		VerdictUndecided:     codeUndecided,
		VerdictDenied:        codeDenied,
	}[r.Verdict]
	switch {
	case r.Verdict == VerdictVerified, r.Verdict == VerdictAllowed:
		return nil
	case !ok: // a result that nobody concluded must not pass
		code = codeUndecided
	}
	d := diag.Errorf(code, "%s", r.Summary)
	if r.Policy != nil && len(r.Policy.Reasons) > 0 {
		d = d.WithWhy(r.Policy.Reasons[0])
	} else if f, found := r.firstFailure(); found {
		d = d.WithWhy(f.Name + ": " + f.Reason)
	}
	return d.WithHelp("selfsame explain " + string(code))
}

// firstFailure is the check that decided: the first one that fails with the verdict.
func (r Result) firstFailure() (Check, bool) {
	for _, s := range r.Subjects {
		for _, c := range s.Checks {
			if c.Status == StatusFail && c.verdict == r.Verdict {
				return c, true
			}
		}
	}
	return Check{}, false
}

// conclude derives verdict, exit code and summary from the checks. What is certain outranks what could not be decided.
func (r *Result) conclude() {
	worst := VerdictVerified
	checks := 0
	for _, s := range r.Subjects {
		for _, c := range s.Checks {
			if c.Status == StatusOK {
				checks++
			}
			if c.Status == StatusFail && rank(c.verdict) > rank(worst) {
				worst = c.verdict
			}
		}
	}
	if checks == 0 && worst == VerdictVerified {
		worst = VerdictMissing // nothing to check is a failure
	}
	r.Verdict = worst
	r.ExitCode = worst.exit()
	r.Summary = r.summary()
}

func rank(v Verdict) int {
	for i, w := range []Verdict{VerdictVerified, VerdictUndecided, VerdictRefused, VerdictNotReproduced, VerdictMissing, VerdictInvalid, VerdictDenied} {
		if v == w {
			return i
		}
	}
	return rank(VerdictDenied) // a failure without a meaning is a failure
}

func (v Verdict) exit() int {
	switch v {
	case VerdictVerified, VerdictAllowed:
		return diag.ExitProven
	case VerdictNotReproduced, VerdictRefused, VerdictDenied:
		return diag.ExitPolicy
	case VerdictMissing:
		return diag.ExitMissing
	case VerdictUndecided:
		return diag.ExitUndecided
	default:
		return diag.ExitInvalid
	}
}

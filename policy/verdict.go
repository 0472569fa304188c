package policy

import (
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Verdict is what a policy says of an image. It is reached from evidence and time alone.
type Verdict struct {
	Allow bool    `json:"allow"`
	Image Image   `json:"image"`
	By    Edition `json:"policy"`
	// Rules are those that are about the image, in the policy's order, each with why. (The others have no say, and a policy may have a
	// thousand of them; Explain lists them, too.)
	Rules []Outcome `json:"rules"`
	// Reasons say why not, the first one first; empty when allowed. None is longer than a line.
	Reasons []string `json:"reasons"`
	// ExitCode is 0 when allowed, 14 when a rule said no, and a block's own (DESIGN §7).
	ExitCode int `json:"exitCode"`
	// NotAfter is when this has to be decided anew at the latest: the evidence, the policy, a waiver or a rule in force ends, or another
	// one begins. A policy that looks at the time has its verdicts decided anew each minute.
	NotAfter time.Time `json:"notAfter,omitzero"`
	// HandedOn is the verdict of another verifier that was taken over (Accepting); nil: none was.
	HandedOn *HandedOn `json:"handedOn,omitempty"`
}

// Edition names one state of a policy.
type Edition struct {
	Name    string `json:"name"`
	Version int    `json:"version"` // grows with each change; one older than seen is refused
	SHA256  string `json:"sha256"`  // of the file's bytes, in hexadecimal
}

// Status is how a rule ended.
type Status string

// The statuses. Only a rule with StatusPass, StatusWaived or StatusHandedOn lets an image through; those out of scope or not in force have no say.
const (
	StatusPass       Status = "pass"
	StatusFail       Status = "fail"
	StatusError      Status = "error" // it could not be evaluated, which denies
	StatusWaived     Status = "waived"
	StatusHandedOn   Status = "handed-on" // it said no here, and a verdict that counts says that it passed elsewhere
	StatusOutOfScope Status = "out-of-scope"
	StatusNotInForce Status = "not-in-force"
)

// Outcome is what one rule said.
type Outcome struct {
	Rule   string `json:"rule"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // why it failed, is waived, or has no say
	Fix    string `json:"fix,omitempty"`    // what to do about a failure
}

// maxLine is how many bytes a reason has at most.
const maxLine = 400

// oneLine is text as one line of bounded length, without anything that a terminal would act on.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u2028' || r == '\u2029' }), " ")
	s = diag.Printable(strings.ToValidUTF8(s, "?"))
	if len(s) <= maxLine {
		return s
	}
	return strings.ToValidUTF8(s[:maxLine-3], "") + "..."
}

package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// Class is why an answer is as it is, in one word; the metric's `reason`.
type Class string

// The classes.
const (
	ClassOK         Class = "ok"
	ClassHandedOn   Class = "handed-on"   // allowed by a verdict of another verifier, where a rule said no here
	ClassBreakGlass Class = "break-glass" // allowed by a signed statement, against the policy
	ClassRule       Class = "rule"        // a rule said no, or none is about the image
	ClassDenied     Class = "denied"      // the deny list names it
	ClassMissing    Class = "missing"     // evidence is missing
	ClassInvalid    Class = "invalid"     // evidence is there and does not hold
	ClassUndecided  Class = "undecided"   // nothing could be decided
	ClassPending    Class = "pending"     // not in time
	ClassBusy       Class = "busy"        // too much is under way
	ClassUsage      Class = "usage"       // not a question
)

// fixes are what to do where no rule says it.
var fixes = map[Class]string{
	ClassRule:      "have the policy name the image, or use one that it names",
	ClassDenied:    "use another version: this one was taken back",
	ClassMissing:   "sign and push the image's evidence, or use another image",
	ClassInvalid:   "do not use this image",
	ClassUndecided: "try again; if that does not help, look at the guard's log",
	ClassPending:   "try again in a few seconds",
	ClassBusy:      "try again in a few seconds",
	ClassUsage:     "name the image by repository and sha256 digest",
}

// undecided is a without a verdict: a denial in words.
func (a Answer) undecided(c Class, exit int, err error) Answer {
	a.Allow, a.Class, a.ExitCode = false, c, exit
	a.Reasons = []string{line(err.Error())}
	return a
}

// inTime is a, or a denial where a allows what is not allowed any more.
func (a Answer) inTime(now time.Time) Answer {
	if !a.Allow || a.NotAfter.IsZero() || now.Before(a.NotAfter) {
		return a
	}
	a.BreakGlass, a.HandedOn = nil, nil
	return a.undecided(ClassPending, diag.ExitUndecided, errEnded)
}

// Unanswered is the denial of a question that nobody answered, and why.
func Unanswered(q Question, err error) Answer {
	a := Answer{}
	a.Image = policy.Image{Name: q.Name, Digest: q.Digest.String()}
	return a.undecided(ClassUndecided, diag.ExitUndecided, err)
}

// classify says in a word how a verdict came out.
func (a Answer) classify(denied bool) Answer {
	switch {
	case a.Allow && a.HandedOn != nil:
		a.Class = ClassHandedOn
	case a.Allow:
		a.Class = ClassOK
	case denied:
		a.Class = ClassDenied
	case a.ExitCode == diag.ExitMissing:
		a.Class = ClassMissing
	case a.ExitCode == diag.ExitInvalid:
		a.Class = ClassInvalid
	case a.ExitCode == diag.ExitPolicy:
		a.Class = ClassRule
	default:
		a.Class = ClassUndecided
	}
	return a
}

// Denial is why not, in three lines: the image and the first reason, which stand alone; the policy and its rule; what to do. Empty when
// allowed.
func (a Answer) Denial() string {
	if a.Allow {
		return ""
	}
	reason := "nothing could be decided"
	if len(a.Reasons) > 0 {
		reason = a.Reasons[0]
	}
	rule, fix := a.failed()
	by := "no policy is in force"
	if a.By.SHA256 != "" {
		by = fmt.Sprintf("by policy %s, version %d", a.By.Name, a.By.Version)
	}
	switch {
	case rule != "":
		by += ", rule " + rule
	case a.Class == ClassDenied:
		by += ", and the deny list goes before its rules"
	case a.Class != ClassRule:
		by += ", before any rule (" + string(a.Class) + ")"
	}
	if n := len(a.Reasons) - 1; n > 0 {
		by += fmt.Sprintf("; %d more reasons", n)
	}
	return line(a.Image.Name+"@"+a.Image.Digest+" is denied: "+reason) + "\n" + line(by) + "\n" + line("fix: "+fix)
}

// failed is the first rule that said no, and what to do.
func (a Answer) failed() (rule, fix string) {
	fix = fixes[a.Class]
	if a.Class != ClassRule {
		return "", fix
	}
	for _, o := range a.Rules {
		if o.Status == policy.StatusFail || o.Status == policy.StatusError {
			if o.Fix != "" {
				fix = o.Fix
			}
			return o.Rule, fix
		}
	}
	return "", fix
}

// maxLine is the greatest length of a line for people, in runes.
const maxLine = 400

// line is text as one line, clipped, without control characters.
func line(s string) string {
	return diag.Printable(clipTo(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; "), maxLine))
}

// clip is user text as it goes into logs.
func clip(s string) string { return clipTo(s, 256) }

func clipTo(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for i := range s {
		if i > max {
			return s[:i] + "..."
		}
	}
	return s
}

package engine

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

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
	ClassObjected   Class = "objected"    // somebody trusted speaks against it, and nothing overrules that
	ClassMissing    Class = "missing"     // evidence is missing
	ClassInvalid    Class = "invalid"     // evidence is there and does not hold
	ClassUndecided  Class = "undecided"   // nothing could be decided
	ClassGone       Class = "gone"        // nor will be: its repository has no such image
	ClassNoPolicy   Class = "no-policy"   // no policy has been read since the guard was started
	ClassPending    Class = "pending"     // not in time
	ClassBusy       Class = "busy"        // too much is under way
	ClassUsage      Class = "usage"       // not a question
)

// fixes are what to do where no rule says it.
var fixes = map[Class]string{
	ClassRule:      "have the policy name the image, or use one that it names",
	ClassDenied:    "use another version: this one was taken back",
	ClassObjected:  "use another version, or have somebody answer for the finding: selfsame waive",
	ClassMissing:   "sign and push the image's evidence, or use another image",
	ClassInvalid:   "do not use this image",
	ClassUndecided: "try again; if that does not help, look at the guard's log",
	ClassGone:      "use an image that its registry has",
	ClassNoPolicy:  "have the guard read its policy: its log says why it could not, and so does `selfsame-guard check`",
	ClassPending:   "try again in a few seconds",
	ClassBusy:      "try again in a few seconds",
	ClassUsage:     "name the image by repository and sha256 digest",
}

// undecided is a without a verdict: a denial in words.
func (a Answer) undecided(c Class, exit int, err error) Answer {
	a.Allow, a.Class, a.ExitCode = false, c, exit
	a.Reasons = []string{line(ends(err.Error(), maxLine))}
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

// UnderNames is what the answers about one digest under several names come to, at least one of them. Evidence counts under the name that it
// bears, so one that allows it is enough; but what the deny list or somebody's objection says of the digest under one name is not gone under
// another. Break-glass is against everything but the deny list.
func UnderNames(answers []Answer) Answer {
	out := answers[0]
	for _, a := range answers {
		switch {
		case a.Class == ClassDenied:
			return a
		case a.Class == ClassBreakGlass, a.Class == ClassObjected && out.Class != ClassBreakGlass, a.Allow && !out.Allow && out.Class != ClassObjected:
			out = a
		}
	}
	return out
}

// classify says in a word how a verdict over an entry's evidence came out.
func (a Answer) classify(e entry) Answer {
	switch {
	case a.Allow && a.HandedOn != nil:
		a.Class = ClassHandedOn
	case a.Allow:
		a.Class = ClassOK
	case e.denied:
		a.Class = ClassDenied
	case e.objected:
		a.Class = ClassObjected
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
	by := fmt.Sprintf("by policy %s, version %d", a.By.Name, a.By.Version)
	switch {
	case a.By.SHA256 == "": // there may well be one: it is not what said no
		by = "before any rule (" + string(a.Class) + ")"
	case rule != "":
		by += ", rule " + rule
	case a.Class == ClassDenied:
		by += ", and the deny list goes before its rules"
	case a.Class != ClassRule:
		by += ", before any rule (" + string(a.Class) + ")"
	}
	by += a.stolen()
	switch n := len(a.Reasons) - 1; {
	case n == 1:
		by += "; 1 more reason"
	case n > 1:
		by += fmt.Sprintf("; %d more reasons", n)
	}
	head := a.Image.Name + "@" + a.Image.Digest + " is denied: "
	return line(head+ends(reason, maxLine-len(head))) + "\n" + line(by) + "\n" + line("fix: "+fix)
}

// stolen says of which other image the attached statements are, where that is so.
func (a Answer) stolen() string {
	if len(a.Elsewhere) == 0 {
		return ""
	}
	e := a.Elsewhere[0]
	is := fmt.Sprintf("; %d statements are about %s, not this image", e.Statements, e.Digest)
	if e.Statements == 1 {
		is = fmt.Sprintf("; 1 statement is about %s, not this image", e.Digest)
	}
	if len(a.Elsewhere) > 1 {
		is += ", and more are about others"
	}
	return is
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

// ends is text of at most max bytes: where it is longer, its beginning and more of its end, because the cause of an error stands last.
func ends(s string, max int) string {
	const gap = " ... "
	if len(s) <= max || max < 60 {
		return s
	}
	first, last := max/3, len(s)-(max-max/3-len(gap))
	for first > 0 && !utf8.RuneStart(s[first]) {
		first--
	}
	for last < len(s) && !utf8.RuneStart(s[last]) {
		last++
	}
	return s[:first] + gap + s[last:]
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

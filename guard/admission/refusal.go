package admission

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// Refusal says of one image why it may not start.
type Refusal struct {
	Image  string   // as it was written
	Places []string // "container app", "volume data"
	Rule   string   // the policy's rule that said no; empty: no rule did
	Reason string
	Fix    string
	// Judged says that somebody was asked about it. Else the gate refused it by itself, and no log of decisions has it yet.
	Judged bool
}

// Bounds of what a user is shown. A status message has no limit of its own, but it travels in events, logs and terminals.
const (
	maxShown   = 5   // refusals in full
	maxLine    = 400 // bytes of one line
	maxPlaces  = 3   // places that are named
	maxNamed   = 10  // images that are named where there are more than maxShown
	maxWarning = 256 // bytes of one warning: the API server cuts what is longer
)

// String is the refusal in three lines: the image, the rule and its reason, what to do.
func (r Refusal) String() string {
	places := r.Places
	if len(places) > maxPlaces {
		places = append(places[:maxPlaces:maxPlaces], fmt.Sprintf("%d more", len(r.Places)-maxPlaces))
	}
	return strings.Join([]string{
		clip(fmt.Sprintf("image %s is refused (%s)", shown(r.Image), strings.Join(places, ", ")), maxLine),
		clip(r.why(), maxLine),
		clip("fix: "+r.Fix, maxLine),
	}, "\n")
}

func (r Refusal) why() string {
	if r.Rule == "" {
		return r.Reason
	}
	return fmt.Sprintf("rule %s: %s", r.Rule, r.Reason)
}

// shown is an image as it was written, in printable characters, and never nothing.
func shown(image string) string {
	if image == "" {
		return `""`
	}
	return diag.Printable(clip(image, maxLine/2))
}

// message is what the user is told of all refusals.
func message(all []Refusal) string {
	var parts []string
	for n, r := range all {
		if n == maxShown {
			break
		}
		parts = append(parts, r.String())
	}
	if more := all[min(maxShown, len(all)):]; len(more) > 0 {
		names := make([]string, 0, maxNamed)
		for _, r := range more[:min(maxNamed, len(more))] {
			names = append(names, clip(shown(r.Image), 100))
		}
		if len(more) > maxNamed {
			names = append(names, "...")
		}
		parts = append(parts, fmt.Sprintf("and %d more: %s", len(more), strings.Join(names, ", ")))
	}
	return strings.Join(parts, "\n")
}

// warning is a refusal in one line.
func (r Refusal) warning() string {
	return clip(fmt.Sprintf("selfsame (audit): image %s would be refused: %s", shown(r.Image), r.why()), maxWarning)
}

func (i *image) refuse(rule, reason, fix string) Refusal {
	r := Refusal{Image: i.written, Rule: rule, Reason: diag.Printable(reason), Fix: diag.Printable(fix)}
	for _, p := range i.places {
		r.Places = append(r.Places, diag.Printable(clip(p.String(), 100)))
	}
	return r
}

// denied is a refusal by a verdict. The rule that is named is the first that failed; without one, something that no rule can allow did.
func (i *image) denied(a engine.Answer) Refusal {
	rule, reason, fix := "", "there is no verdict", fmt.Sprintf("see everything with: selfsame verify %s@%s", i.ref.Name, i.ref.Digest)
	if len(a.Reasons) > 0 {
		reason = a.Reasons[0]
	}
	for _, o := range a.Rules {
		if o.Status == policy.StatusFail || o.Status == policy.StatusError {
			if o.Reason != "" && (reason == o.Reason || strings.Contains(reason, o.Rule)) {
				rule, reason = o.Rule, o.Reason
				if o.Fix != "" {
					fix = o.Fix
				}
			}
			break
		}
	}
	r := i.refuse(rule, firstLine(reason), firstLine(fix))
	r.Judged = true
	return r
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// clip shortens s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:n-3]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "..."
}

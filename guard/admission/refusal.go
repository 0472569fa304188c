package admission

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Refusal says of one image why it may not start.
type Refusal struct {
	Image  string   // as it was written
	Places []string // "container app", "volume data"
	Reason string
	// Lines are what a user is told: image and reason, who says so and by which rule, what to do.
	Lines [3]string
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

// String is the refusal in three lines, the first with the places of the object that name the image.
func (r Refusal) String() string {
	places := r.Places
	if len(places) > maxPlaces {
		places = append(places[:maxPlaces:maxPlaces], fmt.Sprintf("%d more", len(r.Places)-maxPlaces))
	}
	lines := r.Lines
	lines[0] = strings.Join(places, ", ") + ": " + lines[0]
	for i := range lines {
		lines[i] = clip(lines[i], maxLine+100)
	}
	return strings.Join(lines[:], "\n")
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
	return clip(fmt.Sprintf("selfsame (audit): %s would be denied: %s", shown(r.Image), r.Reason), maxWarning)
}

// refuse is the gate's own refusal, which no policy was asked for.
func (i *image) refuse(reason, fix string) Refusal {
	r := i.refusal()
	r.Reason = diag.Printable(reason)
	r.Lines = [3]string{clip(shown(i.written)+" is denied: "+r.Reason, maxLine), "by the webhook, before any rule", clip("fix: "+diag.Printable(fix), maxLine)}
	return r
}

// denied is a refusal by a verdict, in the words that every gate has for it.
func (i *image) denied(a engine.Answer) Refusal {
	r := i.refusal()
	r.Judged, r.Reason = true, "there is no verdict"
	if len(a.Reasons) > 0 {
		r.Reason = diag.Printable(firstLine(a.Reasons[0]))
	}
	copy(r.Lines[:], strings.SplitN(a.Denial(), "\n", len(r.Lines)))
	return r
}

func (i *image) refusal() Refusal {
	r := Refusal{Image: i.written}
	for _, p := range i.places {
		r.Places = append(r.Places, diag.Printable(clip(p.String(), 100)))
	}
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

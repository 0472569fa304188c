package intoto

import (
	"fmt"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
)

// Signed is a link whose signature held.
type Signed struct {
	Link
	KeyID string // of the layout's key or identity that made the signature
	Where string // what the caller calls the link: the referrer's digest, a file
}

// Image is what the links must be about.
type Image struct {
	Digest digest.Digest
	// Platforms are the manifests that the index lists, by platform; empty for an image that is no index.
	Platforms map[string]digest.Digest
}

// State is what became of a step.
type State int

// The states of a step, worst last.
const (
	Held      State = iota // enough functionaries say the same, and it obeys the rules
	Unchecked              // enough functionaries say the same; for want of another step the rules could not be applied
	Undecided              // too many different links to look through
	Missing                // too few functionaries signed a link that could count
	Broken                 // the links break a rule, or functionaries contradict each other
)

// Outcome is what is known of one step.
type Outcome struct {
	Step      string
	State     State
	Threshold int
	By        []string // key ids of the functionaries whose links count
	Reason    string   // why it is not held
	Note      string   // what does not matter and is worth a word: another command than expected
}

// Ignored is a link that counted for nothing.
type Ignored struct{ Where, Reason string }

// Expired says why the layout does not count any more at the time now; empty while it does.
//
//	> 2. Verify layout expiration date
func (l *Layout) Expired(now time.Time) string {
	if now.Before(l.expires) {
		return ""
	}
	return fmt.Sprintf("the layout expired on %s", l.expires.Format(time.RFC3339))
}

// Verify decides for each step of the layout whether it was done as the layout says, for this image.
//
//	> 5. Verify signatures and signature thresholds for steps of layout
//
// The signatures were checked by the caller. A link counts only for a step whose functionary signed it; functionaries are counted by key,
// and only those who say exactly the same are counted together; they may not contradict each other. And first of all each link that names
// an image must name this one, and the last step must: else a chain of links that is good for one image would do for all others.
//
//	> 8. Verify artifact rules for steps of layout
//
// They must hold over one link a step. (Steps 6 and 9, sublayouts and inspections, are refused when a layout is read.)
//
// Anyone may attach what functionaries signed for other images or long ago. Such links are no faults: where there are several
// that could count, those that fit together are looked for, within bounds.
func (l *Layout) Verify(links []Signed, img Image) ([]Outcome, []Ignored) {
	v := &verification{layout: l, image: img, steps: make([]candidates, len(l.doc.Steps))}
	v.sort(links)
	outcomes := make([]Outcome, len(l.doc.Steps))
	complete := true
	for i := range v.steps {
		outcomes[i] = v.count(i)
		complete = complete && outcomes[i].State == Held
	}
	if complete {
		v.chain(outcomes)
		return outcomes, v.ignored
	}
	for i := range outcomes {
		if outcomes[i].State == Held {
			outcomes[i].State, outcomes[i].Reason = Unchecked, "its rules were not applied: links of other steps are wanting"
		}
	}
	return outcomes, v.ignored
}

// verification is one run of Verify.
type verification struct {
	layout  *Layout
	image   Image
	steps   []candidates
	ignored []Ignored
}

func (v *verification) ignore(s Signed, format string, args ...any) {
	v.ignored = append(v.ignored, Ignored{s.Where, fmt.Sprintf(format, args...)})
}

// sort gives each link to its step, unless it cannot count.
func (v *verification) sort(links []Signed) {
	place := map[string]int{}
	for i, s := range v.layout.doc.Steps {
		place[s.Name] = i
	}
	for _, s := range links {
		i, known := place[s.Step]
		switch {
		case !known:
			v.ignore(s, "a link of %q, which is no step of the layout", s.Step)
			continue
		case !slices.Contains(v.layout.doc.Steps[i].PubKeys, s.KeyID):
			v.steps[i].strangers = append(v.steps[i].strangers, s.KeyID)
			v.ignore(s, "a link of step %s, signed by %.8s, who is no functionary of it", s.Step, s.KeyID)
			continue
		}
		err := v.image.named(s.Link)
		if err == nil && i == len(v.steps)-1 && s.Products[ArtifactImage] == "" {
			err = fmt.Errorf("it is the last step's and does not name the image among its products")
		}
		if err != nil {
			v.steps[i].foreign = append(v.steps[i].foreign, err.Error())
			v.ignore(s, "a link of step %s: %v", s.Step, err)
			continue
		}
		v.steps[i].add(s)
	}
}

// named says why a link is not about the image; nil when it is, or names no image at all: the steps before there was one are bound to
// it by the rules.
func (img Image) named(l Link) error {
	for _, side := range []Artifacts{l.Materials, l.Products} {
		platforms := 0
		for name, d := range side {
			want, ok := img.Digest, name == ArtifactImage
			if p, is := strings.CutPrefix(name, ArtifactImage+"/"); is {
				platforms++
				want, ok = img.Platforms[p], true
			}
			if ok && d != want {
				return fmt.Errorf("it is about another image: its %s is %s", name, d)
			}
		}
		if _, named := side[ArtifactImage]; (named || platforms > 0) && platforms != len(img.Platforms) {
			return fmt.Errorf("it names %d of the image's %d platforms", platforms, len(img.Platforms))
		}
	}
	return nil
}

// count compares the functionaries who agree with the threshold.
func (v *verification) count(i int) Outcome {
	step, c := v.layout.doc.Steps[i], &v.steps[i]
	out := Outcome{Step: step.Name, Threshold: step.Threshold}
	if c.overflow {
		out.State, out.Reason = Undecided, fmt.Sprintf("its functionaries signed more than %d different links for it", maxVersions)
		return out
	}
	best := 0
	for _, x := range c.versions {
		best = max(best, len(x.by))
	}
	if best >= step.Threshold {
		return out
	}
	out.State, out.Reason = Missing, c.wanting(best, step.Threshold)
	for k, a := range c.versions {
		for _, b := range c.versions[k+1:] {
			if path := contradiction(a, b); path != "" {
				out.State, out.Reason = Broken, fmt.Sprintf("its functionaries contradict each other: %.8s says %s is %s, %.8s says %s", a.by[0],
					path, a.link.Products[path], b.by[0], b.link.Products[path])
			}
		}
	}
	return out
}

// wanting says what is there instead of enough links.
func (c *candidates) wanting(best, threshold int) string {
	var s strings.Builder
	switch {
	case len(c.versions) == 0:
		s.WriteString("no link of this step is signed by one of its functionaries")
	default:
		fmt.Fprintf(&s, "%d of the %d functionaries that it takes signed the same link", best, threshold)
	}
	if len(c.foreign) > 0 {
		fmt.Fprintf(&s, "; %d link(s) cannot count: %s", len(c.foreign), c.foreign[0])
	}
	if len(c.strangers) > 0 {
		fmt.Fprintf(&s, "; %d link(s) are signed by others, for instance %.8s", len(c.strangers), c.strangers[0])
	}
	return s.String()
}

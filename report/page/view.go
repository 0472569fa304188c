package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

// view is the page as the template wants it: every text in it is visible and cut already.
type view struct {
	CSS template.CSS
	JS  template.JS

	Name, Title, Verdict, Lead string
	Same                       bool
	Facts                      []string

	First       *findingView // the first difference, in large
	Patches     []patchView
	MorePatches int
	Platforms   []platformView
	Groups      []group // of differences
	Classes     []classCount
	Differences int
	Omitted     int
	Experiment  *experimentView
	Time        *timeView
	Axes        []string
	NotApplied  []pair
	Warnings    *group
	Notes       []string
	Digests     []digestView
	Rows        []pair // closing facts
}

// pair is a name with what there is to say of it.
type pair struct{ Name, Text string }

type digestView struct {
	Platform, Level, A, B string
	Same                  bool
}

func newView(r report.Result) *view {
	name := text(r.Name)
	if name == "" {
		name = "two images"
	}
	v := &view{Name: name, Same: r.Reproducible, Verdict: verdict(r), Lead: lead(r), Facts: facts(r), Omitted: r.Omitted,
		Axes: texts(r.Axes), Notes: texts(r.Notes)}
	v.Title = v.Verdict + ": " + name
	for i, n := range r.NotApplied {
		if i < maxList {
			v.NotApplied = append(v.NotApplied, pair{text(n.Name), text(n.Reason)})
		}
	}
	v.findings(r)
	v.patches(r.Patches)
	v.Platforms = platforms(r, v.Groups)
	v.Experiment = experiment(r.Experiment)
	v.Time = timeOf(r)
	v.Digests = digests(r)
	v.Rows = closing(r)
	return v
}

// verdict is for a build about its recipe; two images that were only compared are equal or not, whoever made them.
func verdict(r report.Result) string {
	switch compared := r.Build == nil; {
	case len(r.Compared) == 0:
		return "Nothing compared"
	case compared && r.Reproducible:
		return "Equal"
	case compared:
		return "Different"
	case r.Reproducible:
		return "Reproducible"
	}
	return "Not reproducible"
}

// lead is the verdict in a sentence.
func lead(r report.Result) string {
	if r.Reproducible && r.Build == nil {
		return "A and B are the same image, bit for bit."
	}
	if r.Reproducible {
		return "Two unlike builders made the same image from the same sealed inputs, bit for bit."
	}
	if len(r.Compared) == 0 {
		return "Nothing was compared, so nothing is proven."
	}
	var bad []report.Compared
	for _, c := range r.Compared {
		if c.Level != "manifest" {
			bad = append(bad, c)
		}
	}
	switch {
	case len(bad) == 0:
		return "The images that both sides have are equal, but one side has images that the other lacks."
	case len(r.Compared) == 1:
		return sentence(bad[0])
	}
	return fmt.Sprintf("%d of %d platforms differ between A and B.", len(bad), len(r.Compared))
}

func sentence(c report.Compared) string {
	total, n := max(c.LayersA, c.LayersB), len(c.Differing)
	verb := "differ"
	if n == 1 {
		verb = "differs"
	}
	switch {
	case c.Level == "content":
		return "A and B hold the same files; only the way they are packed differs."
	case n == 0:
		return "All layers are equal; the manifest or the config differs between A and B."
	}
	return fmt.Sprintf("%d of %s %s between A and B.", n, plural(int64(total), "layer"), verb)
}

func facts(r report.Result) []string {
	var out []string
	for p := range r.Platforms {
		out = append(out, text(p))
	}
	slices.Sort(out)
	if len(out) > maxPlatforms {
		out = append(out[:maxPlatforms:maxPlatforms], fmt.Sprintf("%d more", len(out)-maxPlatforms))
	}
	if b := r.Build; b != nil {
		out = append(out, fmt.Sprintf("%s, %d cached", plural(int64(b.Steps), "step"), b.Cached), fmt.Sprintf("A took %.1f s, B %.1f s", b.SecondsA, b.SecondsB))
	}
	return out
}

var levels = map[string]string{
	"manifest": "equal, bit for bit", "content": "same content, packed in another way", "different": "different",
}

func digests(r report.Result) []digestView {
	var out []digestView
	for i, c := range r.Compared {
		if i == maxPlatforms {
			break
		}
		level := levels[c.Level]
		if level == "" {
			level = text(c.Level)
		}
		out = append(out, digestView{text(c.Platform), level, text(c.A), text(c.B), c.Level == "manifest"})
	}
	return out
}

func closing(r report.Result) []pair {
	var out []pair
	for _, p := range []pair{{"Image", r.Reference}, {"Digest", r.Digest}, {"Result of A", r.Files.A}, {"Result of B", r.Files.B}, {"Next", r.Next}} {
		if strings.TrimSpace(p.Text) != "" {
			out = append(out, pair{p.Name, long(p.Text)})
		}
	}
	return out
}

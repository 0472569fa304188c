package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// Facts are what a policy's rules look at: what of the evidence holds, for Options.Facts. A result without them gives evidence that is
// blocked.
//
// A failed check is one of two kinds. Some say that there is no proof: nobody signed provenance, nobody rebuilt it, too few did. Rules may
// allow such an image, for whatever other reason they have. Others say that something speaks against the image, or that something which
// could was not seen: the deny list, a veto that nothing overrules, an incomplete listing, a release index that misses a statement, a step
// of a layout that was demanded. Those are Blocks, and no rule lifts them.
func (r Result) Facts() policy.Evidence {
	if r.facts == nil {
		return policy.Evidence{Image: policy.Image{Name: r.Name, Digest: r.Digest.String()}, Blocks: []policy.Block{
			blockOf(VerdictUndecided, "no facts were gathered about this image"),
		}}
	}
	return *r.facts
}

func blockOf(v Verdict, reason string) policy.Block {
	return policy.Block{Verdict: string(v), Reason: reason, ExitCode: v.exit()}
}

// judged is what was decided about one image.
type judged struct {
	img           image
	trusted, held []statement
}

// remember keeps what the facts about img are made of; they are made when all images are judged, and the name is known that all
// statements must have.
func (j *judge) remember(img image, e *evidence) {
	if !j.options.Facts {
		return
	}
	j.judged = append(j.judged, judged{img, e.trusted, e.held})
	if e.heard {
		return
	}
	// Nothing was there to judge, and so nobody was asked what speaks against the image. Rules may have other reasons to let it pass.
	for _, v := range j.vetoes(&findings{}, img, e) {
		j.blocks = append(j.blocks, blockOf(v.verdict(), clip(v.check+": "+v.text)))
	}
	if l := j.options.Layout; l != nil && img.platform == "" {
		j.blocks = append(j.blocks, blockOf(VerdictMissing, "layout: nothing is signed of which its steps could be checked"))
	}
}

// factsOfDenied are the facts where the image itself is denied, and nothing of it was read.
func (r *Result) factsOfDenied(o Options) {
	if !o.Facts {
		return
	}
	e := newFacts(o, o.ExpectName)
	r.addTo(&e)
	r.facts = &e
}

func newFacts(o Options, name string) policy.Evidence {
	return policy.Evidence{
		Image:      policy.Image{Name: name, Digest: o.Digest.String(), Platforms: []policy.Platform{}},
		Signatures: []policy.Signature{}, Provenance: []policy.Provenance{}, Rebuilds: []policy.Rebuild{}, Packages: []policy.Package{},
		Bases: []policy.Base{}, Statements: []policy.Statement{}, Lists: []policy.List{}, Blocks: []policy.Block{},
	}
}

// facts makes the evidence of all that was judged.
func (j *judge) facts(res *Result, images []image) *policy.Evidence {
	e := newFacts(j.options, j.name)
	e.Image.Index = images[0].index
	for _, img := range images {
		if !img.index {
			e.Image.Platforms = append(e.Image.Platforms, policy.Platform{Name: img.label, Digest: img.desc.Digest.String()})
		}
	}
	e.Blocks = append(e.Blocks, j.blocks...)
	j.unheld = res.unheld()
	owners := map[trust.Party]string{}
	for _, x := range j.judged {
		for _, s := range x.trusted {
			j.fact(&e, x, s, owners)
		}
	}
	e.Elsewhere = j.elsewhere(images)
	j.verdicts(&e)
	res.Ignored = append(res.Ignored, j.unheard...)
	res.addTo(&e)
	for _, l := range res.Lists {
		j.ends = append(j.ends, l.until)
	}
	e.NotAfter = earliest(j.ends, j.options.Now)
	order(&e)
	if why := e.Oversize(); why != "" {
		e = tooMuch(e, why)
	}
	return &e
}

// addTo adds what the result says as a whole: blocks, lists and the summary.
func (r *Result) addTo(e *policy.Evidence) {
	for _, s := range r.Subjects {
		for _, c := range s.Checks {
			b := blockOf(c.verdict, c.Name+": "+c.Reason)
			if c.Status == StatusFail && c.block && !slices.Contains(e.Blocks, b) {
				e.Blocks = append(e.Blocks, b)
			}
		}
	}
	for _, l := range r.Lists {
		e.Lists = append(e.Lists, policy.List{Kind: l.Kind, Name: l.Name, Sequence: int(l.Sequence), Issued: l.Issued, Expires: l.Expires})
	}
	e.Summary = policy.Summary{
		Verdict: string(r.Verdict), Reproduced: r.Reproduced, Level: r.Level, Rebuilders: slices.Clone(r.Rebuilders),
		Independence: string(r.Independence), Axes: slices.Clone(r.Axes),
	}
}

// earliest is the first time that is ahead; zero: there is none.
func earliest(times []time.Time, now time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// tooMuch is e without its lists: what rules cannot be shown whole they are not shown at all.
func tooMuch(e policy.Evidence, why string) policy.Evidence {
	out := policy.Evidence{Image: e.Image, Summary: e.Summary, NotAfter: e.NotAfter, Blocks: append(e.Blocks, blockOf(VerdictUndecided, why))}
	out.Image.Platforms = nil
	return out
}

// order puts every list into an order that does not depend on where things lie: subject, then type, then who, then what.
func order(e *policy.Evidence) {
	slices.SortFunc(e.Signatures, func(a, b policy.Signature) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Signer, b.Signer), cmp.Compare(a.Statement, b.Statement))
	})
	slices.SortStableFunc(e.Provenance, func(a, b policy.Provenance) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.BuildType, b.BuildType), cmp.Compare(a.Signer, b.Signer))
	})
	slices.SortStableFunc(e.Rebuilds, func(a, b policy.Rebuild) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Signer, b.Signer))
	})
	slices.SortStableFunc(e.Statements, func(a, b policy.Statement) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Signer, b.Signer))
	})
	slices.SortFunc(e.Packages, func(a, b policy.Package) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.License, b.License))
	})
	e.Packages = slices.Compact(e.Packages)
	slices.SortFunc(e.Bases, func(a, b policy.Base) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.URI, b.URI), cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Name, b.Name))
	})
	e.Bases = slices.Compact(e.Bases)
}

// block notes something of the facts themselves that no rule may lift.
func block(e *policy.Evidence, v Verdict, subject digest.Digest, s provenance.Statement, err error) {
	e.Blocks = append(e.Blocks, blockOf(v, clip(fmt.Sprintf("a statement of type %s about %s: %v", s.PredicateType, subject, err))))
}

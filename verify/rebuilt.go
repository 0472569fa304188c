package verify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// reproduced checks that somebody trusted built the image again and got the same digest. One good rebuild is enough, unless a
// trusted party says that its rebuild differed: that is a veto (a scan or rebuild that failed must never count as approval),
// until a waiver overrules it.
func (j *judge) reproduced(f *findings, img image, e *evidence) {
	objections := j.vetoes(f, img, e)
	e.heard = true
	for _, v := range objections {
		f.fail(v.verdict(), v.check, "%s", v.text)
		f.checks[len(f.checks)-1].final = !v.doubt
		f.block()
	}
	if len(objections) > 0 {
		return
	}
	var best *provenance.Rebuild
	var by string
	var refused []string
	for _, s := range e.trusted {
		if s.PredicateType != provenance.PredicateRebuild {
			continue
		}
		signer, may := s.may(trust.Release, trust.Rebuilder)
		if !may {
			continue // it may speak against only
		}
		r, err := j.rebuildOf(img, s, signer)
		switch {
		case errors.Is(err, errDiffered): // overruled
		case err != nil:
			refused = append(refused, err.Error())
			e.ignore(img, s.referrer, "signed rebuild that does not hold: %v", err)
		case best == nil || stronger(r, *best):
			best, by = &r, s.by.String()
		}
	}
	switch {
	case best != nil:
		j.proofs = append(j.proofs, *best)
		f.ok("reproduced", by, "%s, %s; the builders differed in %s", best.Level, best.Independence, strings.Join(best.Measured(), ", "))
	case j.options.AllowUnreproduced:
		f.skip("reproduced", "", "not proven, and allowed not to be")
	case len(refused) > 0:
		f.fail(VerdictNotReproduced, "reproduced", "%s", refused[0])
	default:
		f.fail(VerdictNotReproduced, "reproduced", "no signed rebuild statement")
	}
}

var errDiffered = errors.New("the rebuild differed")

// rebuildOf judges one rebuild statement: it must be about this digest and name, a match of every byte, by builders that
// were seen to differ, and cover exactly the platforms of an index.
func (j *judge) rebuildOf(img image, s statement, signer trust.Signer) (provenance.Rebuild, error) {
	subject, err := about(s, img.desc.Digest)
	if err != nil {
		return provenance.Rebuild{}, err
	}
	r, err := s.Rebuild()
	if err != nil {
		return r, err
	}
	if r.Result != provenance.ResultMatch {
		return r, errDiffered // whatever else it says, and under whatever name
	}
	if err := r.Check(img.desc.Digest); err != nil {
		return r, err
	}
	switch {
	case j.name != "" && subject.Name != j.name:
		return r, fmt.Errorf("the statement is about %q, not %q", subject.Name, j.name)
	case r.Level != provenance.LevelManifest:
		return r, fmt.Errorf("only the contents were equal (%s), not every byte", r.Level)
	}
	for _, b := range r.Builders {
		if _, ok := j.levelOf(signer, b.ID); !ok && signer.Builders != nil {
			return r, fmt.Errorf("%s may not claim the builder %q", signer.Name, b.ID)
		} else if !ok {
			return r, fmt.Errorf("builder %q is not one of selfsame's", b.ID)
		}
	}
	rebuilt := map[string]string{}
	for _, i := range r.Images {
		rebuilt[i.Platform] = "sha256:" + i.Rebuilt.Digest["sha256"]
	}
	return r, comparePlatforms(img, rebuilt)
}

// stronger prefers more independence, then more axes.
func stronger(a, b provenance.Rebuild) bool {
	if degree(a.Independence) != degree(b.Independence) {
		return degree(a.Independence) > degree(b.Independence)
	}
	return len(a.Measured()) > len(b.Measured())
}

// sbom says whether a signed list of contents is attached. It is information: an image proves itself without one.
func sbom(f *findings, img image, e *evidence) {
	for _, s := range e.trusted {
		if s.PredicateType != provenance.PredicateSPDX {
			continue
		}
		if _, err := about(s, img.desc.Digest); err == nil {
			f.ok("sbom", s.by.String(), "SPDX, %s", s.referrer)
			return
		}
	}
	f.skip("sbom", "", "none attached that is signed by a key given")
}

package verify

import (
	"slices"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// fact adds what one statement says of one image, if it holds: it is about this manifest and nothing else, by the name that is wanted,
// by somebody who may say such a thing, and it does not speak against the image. owners are by whom each party was counted so far.
func (j *judge) fact(e *policy.Evidence, x judged, s statement, owners map[trust.Party]string) {
	if _, ok := s.verdict(); ok {
		return // a failed one, too: it is a veto as any summary, and no approval
	}
	if !j.bears(x.img, s) {
		return
	}
	if _, against := j.against(x.img, s); against {
		return // it blocks, or a waiver overrules it: for the image it says nothing either way
	}
	if s.Governs() {
		return // it is about other statements or about gates, and is heard there
	}
	var as trust.Signer // under which entry it is said
	ok := false
	switch s.PredicateType {
	case provenance.PredicateProvenance:
		as, ok = j.provenanceFact(e, x, s)
	case provenance.PredicateRebuild:
		as, ok = j.rebuildFact(e, x, s, owners)
	case provenance.PredicateSPDX:
		as, ok = packageFacts(e, x, s)
	default:
		as, ok = j.statementFact(e, x, s)
	}
	if !ok {
		return
	}
	for _, w := range s.who {
		if j.options.Now.Before(w.Until) {
			j.ends = append(j.ends, w.Until)
		}
	}
	e.Signatures = append(e.Signatures, policy.Signature{
		Signer: j.signerName(as, s.by), Owner: j.ownerName(as, s.by), Party: s.by.String(), Roles: roles(s.who), Type: s.PredicateType,
		Subject: x.img.desc.Digest.String(), Statement: s.payload.Encoded(), Time: s.at,
	})
}

// bears says whether s is about img alone, by the wanted name. A statement that names no repository is good in every one that has the
// image (N12), so it counts only for a signer of whom the trust file says that this is meant.
func (j *judge) bears(img image, s statement) bool {
	subject, err := about(s, img.desc.Digest)
	if err != nil {
		return false
	}
	if subject.Name == "" {
		return slices.ContainsFunc(s.who, func(w trust.Signer) bool { return w.Unnamed && w.SpeaksFor(j.name) })
	}
	return subject.Name == j.name
}

// provenanceFact: provenance of which every check of origin holds; or that somebody signed whom the trust file lets claim this builder,
// about a build of a type that is not ours.
func (j *judge) provenanceFact(e *policy.Evidence, x judged, s statement) (trust.Signer, bool) {
	as, may := s.may(trust.Release)
	if !may || !slices.ContainsFunc(x.held, func(h statement) bool { return h.bundle == s.bundle }) {
		return as, false
	}
	p, err := s.Provenance()
	if err != nil {
		return as, false
	}
	parameters, err := plainObject(p.BuildDefinition.ExternalParameters)
	if err != nil {
		block(e, VerdictUndecided, x.img.desc.Digest, s.Statement, err)
		return as, false
	}
	out := policy.Provenance{
		Subject: x.img.desc.Digest.String(), Signer: j.signerName(as, s.by), Builder: p.Builder(), BuildType: p.BuildDefinition.BuildType,
		Source: sourceOf(p), Parameters: parameters, Inputs: []policy.Input{}, Time: s.at, Finished: p.Finished(),
	}
	if level, listed := j.level(s, p.Builder()); listed {
		out.Level = int(level)
	}
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		in := inputOf(d)
		out.Inputs = append(out.Inputs, in)
		if isImage(d) {
			e.Bases = append(e.Bases, policy.Base{Subject: out.Subject, URI: in.URI, Name: in.Name, PURL: in.PURL, Digest: in.Digest})
		}
	}
	e.Provenance = append(e.Provenance, out)
	return as, true
}

// foreign says whether provenance that failed in g did so for its build type alone, and is by a pair of signer and builder that the trust
// file lists. It proves nothing that verify claims; what it says is for rules to judge.
func (j *judge) foreign(s statement, g *findings) bool {
	p, err := s.Provenance()
	if err != nil || g.checks[len(g.checks)-1].Name != checkBuildTypeName {
		return false
	}
	_, listed := j.level(s, p.Builder())
	return listed
}

// rebuildFact: a rebuild that verify takes for a proof, and by whom it is counted.
func (j *judge) rebuildFact(e *policy.Evidence, x judged, s statement, owners map[trust.Party]string) (trust.Signer, bool) {
	as, may := s.may(trust.Rebuilder, trust.Release)
	if !may {
		return as, false
	}
	original := len(j.makers) == 0 && as.May(trust.Release) || !as.May(trust.Rebuilder)
	owner := ""
	for _, w := range s.who {
		if w.May(trust.Rebuilder, trust.Release) && j.isOriginal(s, w) {
			as, owner, original = w, j.ownerOf(s, w), true
		}
	}
	if !original {
		for _, w := range j.countable(s) {
			if before, counted := owners[s.by]; !counted || before == w.OwnedBy() {
				as, owner = w, w.OwnedBy()
				break
			}
		}
	}
	r, err := j.rebuildOf(x.img, s, as)
	if err != nil {
		return as, false
	}
	switch {
	case original && owner == "":
		owner = as.OwnedBy()
	case owner == "":
		return as, false // verify counts it for nobody, so no rule may
	case !original:
		owners[s.by] = owner
	}
	out := policy.Rebuild{
		Subject: x.img.desc.Digest.String(), Signer: j.signerName(as, s.by), Owner: j.flagless(owner, as, s.by), Original: original, Level: string(r.Level),
		Independence: string(r.Independence), Inputs: string(r.Inputs), Bases: string(r.Bases), Environment: as.Environment, Axes: r.Measured(), Time: s.at,
	}
	e.Rebuilds = append(e.Rebuilds, out)
	return as, true
}

// packageFacts: what is in the image, as whoever releases it says. A list that cannot be read blocks: rules would see a part of it for all.
func packageFacts(e *policy.Evidence, x judged, s statement) (trust.Signer, bool) {
	as, may := s.may(trust.Release)
	if !may {
		return as, false
	}
	contents, err := s.Contents()
	if err != nil {
		block(e, VerdictInvalid, x.img.desc.Digest, s.Statement, err)
		return as, false
	}
	for _, c := range contents {
		e.Packages = append(e.Packages, policy.Package{Subject: x.img.desc.Digest.String(), Name: c.Name, Version: c.Version, PURL: c.PURL, License: c.License})
	}
	return as, true
}

// statementFact: a statement of any other type, as it was signed. One that is larger than rules may look at blocks.
func (j *judge) statementFact(e *policy.Evidence, x judged, s statement) (trust.Signer, bool) {
	as := s.who[0]
	if s.PredicateType == provenance.PredicateVSA && !j.summarises(x.img, s) {
		return as, false
	}
	predicate, err := plainObject(s.Predicate)
	if err != nil {
		block(e, VerdictUndecided, x.img.desc.Digest, s.Statement, err)
		return as, false
	}
	e.Statements = append(e.Statements, policy.Statement{
		Signer: j.signerName(as, s.by), Roles: roles(s.who), Type: s.PredicateType, Subject: x.img.desc.Digest.String(), Predicate: predicate, Time: s.at,
	})
	return as, true
}

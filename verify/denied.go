package verify

import (
	"fmt"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// checkDenyList is the name of the check that comes before all others.
const checkDenyList = "deny list"

// List is a deny list or release index that counted in a verification.
type List struct {
	Kind     string    `json:"kind"` // "deny list" or "release index"
	Name     string    `json:"name"`
	Sequence int64     `json:"sequence"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	// Stateless says that no memory of earlier ones was asked: an older one, if it has not ended, would have passed.
	Stateless bool `json:"stateless"`

	until time.Time // it does not count any more from then on
}

func listOf(kind, name string, e freshness.Edition) List {
	return List{Kind: kind, Name: name, Sequence: e.Sequence, Issued: e.Issued, Expires: e.Expires, Stateless: e.Stateless(), until: e.Until}
}

func newResult(o Options) Result {
	res := Result{
		SchemaVersion: SchemaVersion, Reference: o.Reference, Digest: o.Digest, Axes: []string{}, Ignored: []Ignored{}, Lists: []List{},
		Evidence: []Evidence{}, Rebuilders: []string{},
	}
	if o.Deny != nil {
		res.Lists = append(res.Lists, listOf(checkDenyList, o.Deny.Name, o.Deny.Edition))
	}
	return res
}

// statelessness is what a verdict says of lists that were compared with nothing.
func (r Result) statelessness() string {
	if slices.ContainsFunc(r.Lists, func(l List) bool { return l.Stateless }) {
		return "; stateless: an older list that has not ended would have passed"
	}
	return ""
}

// deniedAtOnce is the verdict where the very digest that was asked for is denied. Nothing is fetched for it: what is known to be bad must
// be refused also where it hides its manifest.
func deniedAtOnce(o Options) (Result, bool) {
	if o.Deny == nil {
		return Result{}, false
	}
	e, hit := o.Deny.Image(o.Digest)
	if !hit {
		return Result{}, false
	}
	f := &findings{}
	f.denied(o.Deny, e)
	res := newResult(o)
	res.Subjects = []Subject{{Digest: o.Digest, Label: "image", Checks: f.checks}}
	res.conclude()
	res.factsOfDenied(o)
	return res, true
}

// deniedAmong is the verdict where evidence could not be read, and one of the manifests is denied all the same: by itself, or among those that
// were judged already.
func deniedAmong(o Options, images []image, judged []Subject) (Result, bool) {
	if o.Deny == nil {
		return Result{}, false
	}
	res := newResult(o)
	for _, s := range judged {
		if slices.ContainsFunc(s.Checks, func(c Check) bool { return c.Status == StatusFail && c.verdict == VerdictDenied }) {
			res.Subjects = append(res.Subjects, s)
		}
	}
	for _, img := range images[len(judged):] {
		if e, hit := o.Deny.Image(img.desc.Digest); hit {
			f := &findings{}
			f.denied(o.Deny, e)
			res.Subjects = append(res.Subjects, Subject{Digest: img.desc.Digest, Platform: img.platform, Label: img.label, Checks: f.checks})
		}
	}
	if len(res.Subjects) == 0 {
		return Result{}, false
	}
	res.conclude()
	res.factsOfDenied(o)
	return res, true
}

// denied is a failure that no evidence takes back.
func (f *findings) denied(l *freshness.DenyList, e provenance.DenyEntry) {
	f.fail(VerdictDenied, checkDenyList, "%s: %s (%s, %s)", e.Subject(), e.Reason, l.Source(), e.Added.UTC().Format(time.DateOnly))
	f.checks[len(f.checks)-1].final = true
	f.block()
}

// denied asks the deny list about one image, takes out the statements of signers and builders that are denied, and looks at what the
// remaining provenance says went in.
func (j *judge) denied(f *findings, img image, e *evidence) {
	l := j.options.Deny
	if l == nil {
		return
	}
	if entry, hit := l.Image(img.desc.Digest); hit {
		f.denied(l, entry)
		return
	}
	e.trusted = slices.DeleteFunc(e.trusted, func(s statement) bool {
		entry, hit := deniedStatement(l, s)
		if !hit {
			return false
		}
		if _, against := j.against(img, s); against {
			// Whoever stole a key could object with it, and a waiver answers that; but a finding from before must not be lost with the key.
			e.undated = append(e.undated, s)
			e.ignore(img, s.referrer, "denied, and it counts against the image all the same: %s", deniedWhy(l, entry, s.at))
			return true
		}
		e.deny(img, s.referrer, deniedWhy(l, entry, s.at))
		return true
	})
	e.denyLinks(l, img)
	for _, s := range e.trusted {
		if entry, hit := deniedInput(l, img.desc.Digest, s); hit {
			f.denied(l, entry)
			return
		}
	}
	f.ok(checkDenyList, l.By.String(), "%s: not in it", l)
}

// deny notes that something counts for nothing, because of whom it is by.
func (e *evidence) deny(img image, referrer digest.Digest, why string) {
	e.denied = append(e.denied, why)
	e.ignore(img, referrer, "denied: %s", why)
}

func deniedWhy(l *freshness.DenyList, entry provenance.DenyEntry, at time.Time) string {
	why := fmt.Sprintf("%s: %s (%s)", entry.Subject(), entry.Reason, l.Source())
	if !entry.Since.IsZero() && at.IsZero() {
		why += "; the statement has no trusted time, so it counts as signed after that"
	}
	return why
}

// deniedStatement says whether a statement counts for nothing because of who signed it or who built. The time is that of the signature,
// as somebody trusted has it; never what the statement says of itself.
func deniedStatement(l *freshness.DenyList, s statement) (provenance.DenyEntry, bool) {
	if e, hit := l.Signer(s.by, s.at); hit {
		return e, true
	}
	switch s.PredicateType {
	case provenance.PredicateProvenance:
		if p, err := s.Provenance(); err == nil {
			return l.Builder(p.Builder(), s.at)
		}
	case provenance.PredicateRebuild:
		if r, err := s.Rebuild(); err == nil {
			for _, b := range r.Builders {
				if e, hit := l.Builder(b.ID, s.at); hit {
					return e, true
				}
			}
		}
	}
	return provenance.DenyEntry{}, false
}

// deniedInput finds a denied base or package among what went into the image by a trusted statement about it.
func deniedInput(l *freshness.DenyList, image digest.Digest, s statement) (provenance.DenyEntry, bool) {
	if s.PredicateType != provenance.PredicateProvenance {
		return provenance.DenyEntry{}, false
	}
	if _, err := about(s, image); err != nil {
		return provenance.DenyEntry{}, false
	}
	p, err := s.Provenance()
	if err != nil {
		return provenance.DenyEntry{}, false // the check of the origin says so
	}
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if e, hit := l.Input(d); hit {
			return e, true
		}
	}
	return provenance.DenyEntry{}, false
}

// blameDenied names the deny list as the reason where an image fails after statements were taken out. Where not everything was read, what
// was not could have sufficed without them; and a veto stands by itself. No rule lifts it: one that is content with less would let through
// what whoever was denied has made.
func blameDenied(checks []Check, e *evidence) {
	if len(e.denied) == 0 || e.incomplete != "" || !slices.ContainsFunc(checks, func(c Check) bool { return c.Status == StatusFail && !c.final }) {
		return
	}
	for i := range checks {
		if checks[i].Name == checkDenyList {
			checks[i] = Check{Name: checkDenyList, Status: StatusFail, Reason: clip(e.denied[0]), verdict: VerdictDenied, final: true, block: true}
		}
	}
}

// twoRoles says whether somebody who may release images also signs the deny list or the index. Of an index that identities sign it is not known
// yet who did: notReleasing asks then.
func (o Options) twoRoles() bool {
	var parties []trust.Party
	if o.Deny != nil {
		parties = append(parties, o.Deny.By)
	}
	if o.Index != nil && o.Index.Demand.Counts == nil { // else the trust file keeps roles apart
		for _, k := range o.Index.Demand.Trust.Keys {
			parties = append(parties, trust.Party{Key: k.Key()})
		}
	}
	for _, x := range o.OwnerIndexes {
		for _, k := range x.Demand.Trust.Keys {
			parties = append(parties, trust.Party{Key: k.Key()})
		}
	}
	return slices.ContainsFunc(parties, o.Releases)
}

// Releases says whether p's word would count as a release's.
func (o Options) Releases(p trust.Party) bool {
	return slices.ContainsFunc(o.entries(), func(e trust.Signer) bool { return e.May(trust.Release) && e.Is(p) })
}

// notReleasing is d, for which nobody counts who may release images.
func (o Options) notReleasing(d freshness.Demand) freshness.Demand {
	counts := d.Counts
	d.Counts = func(by trust.Party, at time.Time, series string) bool {
		return (counts == nil || counts(by, at, series)) && !o.Releases(by)
	}
	return d
}

// notDenied is d, for which nobody counts whom the deny list names; why gets what the list says of one who spoke all the same.
func notDenied(d freshness.Demand, l *freshness.DenyList, why *string) freshness.Demand {
	counts := d.Counts
	if l == nil {
		return d
	}
	d.Counts = func(by trust.Party, at time.Time, series string) bool {
		if counts != nil && !counts(by, at, series) {
			return false
		}
		entry, denied := l.Signer(by, at)
		if denied {
			*why = deniedWhy(l, entry, at)
		}
		return !denied
	}
	return d
}

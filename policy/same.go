//go:build !front

package policy

import "slices"

// SameFor says whether two policies say the same of images of a name (a repository without tag), whatever their evidence: the same rules are
// about it, in the same order, with the same waivers, and both policies end at one time. A verdict by the one that has not ended is then a
// verdict by the other, but for its Edition.
func (p *Policy) SameFor(other *Policy, name string) bool {
	if p.edition.Name != other.edition.Name || !p.expires.Equal(other.expires) { // both stand in reasons
		return false
	}
	name = canonical(name)
	theirs := other.rules
	for _, r := range p.rules {
		if !r.about(name) {
			continue
		}
		i := slices.IndexFunc(theirs, func(o *compiled) bool { return o.about(name) })
		if i < 0 || !r.same(theirs[i]) {
			return false
		}
		theirs = theirs[i+1:]
	}
	return !slices.ContainsFunc(theirs, func(o *compiled) bool { return o.about(name) })
}

// same compares everything that a verdict depends on: all but which images a rule is about, and where in its file it stands.
func (r *compiled) same(o *compiled) bool {
	return r.name == o.name && r.message == o.message && r.fix == o.fix && r.text == o.text && r.on.Equal(o.on) && r.until.Equal(o.until) &&
		slices.EqualFunc(r.waivers, o.waivers, func(a, b *excuse) bool {
			return a.owner == b.owner && a.reason == b.reason && a.expires.Equal(b.expires) && slices.Equal(a.images, b.images)
		})
}

//go:build !front

package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// The diagnostics of layouts; internal/diag/codes_layout.go has their pages.
const (
	codeLayout        diag.Code = "A0570"
	codeLayoutOwner   diag.Code = "A0571"
	codeLayoutExpired diag.Code = "A0572"
)

// Layout is an in-toto layout whose owners' signatures held: it says how the image must have come about.
type Layout struct {
	layout        *intoto.Layout
	functionaries signing.Trust
	keyIDs        map[trust.Party]string // who signs -> what the layout calls it
	parties       map[string]trust.Party // and back
	digest        digest.Digest          // of what its owners signed
}

// OpenLayout reads a signed layout: all owners' signatures first, then its meaning, then its end. now is the time of day.
//
//	> 1. Verify layout signature(s) using passed key(s)
//	> 2. Verify layout expiration date
//
// Diagnostics: A0505 no envelope, A0571 an owner did not sign it, A0572 it has expired, A0570 it
// cannot be honoured.
func OpenLayout(data []byte, owners []*signing.Verifier, now time.Time) (*Layout, error) {
	env, err := signing.ParseEnvelope(data)
	if err != nil {
		return nil, fmt.Errorf("reading a layout: %w", err)
	}
	if len(owners) == 0 {
		return nil, diag.Errorf(codeLayoutOwner, "no owner of the layout is known").
			WithWhy("without one, anybody's layout would do").WithHelp("pass the owner's public key: --layout-key owner.pub")
	}
	for _, o := range owners {
		if err := env.Verify(o); err != nil {
			return nil, diag.Errorf(codeLayoutOwner, "the layout is not signed by key %s", o.Key().Hint).
				WithWhy("it was changed after signing, or somebody else signed it").WithHelp("selfsame layout sign LAYOUT --key OWNER.key")
		}
	}
	l, err := intoto.Parse(env.Payload)
	if err != nil {
		return nil, diag.Errorf(codeLayout, "%w", err).WithHelp("selfsame explain " + string(codeLayout))
	}
	if why := l.Expired(now); why != "" {
		return nil, diag.Errorf(codeLayoutExpired, "%s", why).WithHelp("have its owner sign a new one: selfsame layout new --expires 365d")
	}
	out, err := newLayout(l)
	if err == nil {
		out.digest = digest.FromBytes(env.Payload)
	}
	return out, err
}

// newLayout loads the functionaries' keys.
func newLayout(l *intoto.Layout) (*Layout, error) {
	out := &Layout{layout: l, keyIDs: map[trust.Party]string{}, parties: map[string]trust.Party{}}
	for id, pem := range l.Keys() {
		v, err := signing.LoadVerifier(pem)
		if err != nil {
			return nil, fmt.Errorf("reading the layout's key %.8s: %w", id, err)
		}
		out.functionaries.Keys = append(out.functionaries.Keys, v)
		by := trust.Party{Key: v.Key()}
		out.keyIDs[by], out.parties[id] = id, by
	}
	for id, who := range l.Identities() {
		by := trust.Party{Identity: who}
		out.keyIDs[by], out.parties[id] = id, by
	}
	return out, nil
}

// byIdentity says whether some functionary is an identity, which only a root can prove.
func (l *Layout) byIdentity() bool { return l != nil && len(l.layout.Identities()) > 0 }

// take keeps a bundle that is a functionary's link, and says whether it is one. Such a bundle is evidence for nothing else.
func (l *Layout) take(o Options, e *evidence, img image, referrer digest.Digest, bundle []byte) bool {
	if l == nil {
		return false
	}
	// The claim only spares a look at every signature; what counts is what was signed.
	if claimed, err := signing.Claimed(bundle); err != nil || !intoto.IsLink(claimed) {
		return false
	}
	by := l.functionaries
	by.Root = o.Trust.Root // it vouches for many: only those count whom the layout names
	got, err := by.Verify(bundle)
	if err != nil {
		return false
	}
	keyID, known := l.keyIDs[got.By]
	if !known {
		return false
	}
	read, err := intoto.ReadLink(got.Payload)
	if err != nil {
		e.ignore(img, referrer, "a link signed by %s, but %v", got.By, err)
		return true
	}
	e.links = append(e.links, link{intoto.Signed{Link: read, KeyID: keyID, Where: string(referrer)}, got.By, got.Time})
	return true
}

// link is a functionary's link, and what its signature proves.
type link struct {
	intoto.Signed
	by trust.Party
	at time.Time // as a trusted party vouches for; zero: nobody does
}

// denyLinks drops the links whose signers the list denies.
func (e *evidence) denyLinks(list *freshness.DenyList, img image) {
	e.links = slices.DeleteFunc(e.links, func(x link) bool {
		entry, hit := list.Signer(x.by, x.at)
		if hit {
			e.deny(img, digest.Digest(x.Where), deniedWhy(list, entry, x.at))
		}
		return hit
	})
}

// steps makes a check of every step of the layout. The links hang on the image that was asked for, not on each of an index's manifests:
// they speak of all of them.
func (j *judge) steps(f *findings, img image, e *evidence) {
	l := j.options.Layout
	if l == nil || img.platform != "" {
		return
	}
	about := intoto.Image{Digest: img.desc.Digest, Platforms: map[string]digest.Digest{}}
	for _, c := range img.children {
		about.Platforms[c.platform] = c.desc.Digest
	}
	links := make([]intoto.Signed, len(e.links))
	for i, x := range e.links {
		links[i] = x.Signed
	}
	outcomes, ignored := l.layout.Verify(links, about)
	for _, o := range outcomes {
		if l.check(f, o); f.failed() {
			f.block() // whoever gave a layout asked for it beside any policy
		}
	}
	j.ends = append(j.ends, l.layout.Expires())
	for _, i := range ignored {
		e.ignore(img, digest.Digest(i.Where), "%s", i.Reason)
	}
}

// check is the outcome of one step as a check.
func (l *Layout) check(f *findings, o intoto.Outcome) {
	name := "step " + o.Step
	switch o.State {
	case intoto.Held:
		var who []string
		for _, id := range o.By {
			who = append(who, l.parties[id].String())
		}
		detail := fmt.Sprintf("%d of %d functionaries", len(o.By), o.Threshold)
		if o.Note != "" {
			detail += "; " + o.Note
		}
		f.ok(name, strings.Join(who, ", "), "%s", detail)
	case intoto.Unchecked:
		f.skip(name, "", o.Reason)
	case intoto.Missing:
		f.fail(VerdictMissing, name, "%s", o.Reason)
	case intoto.Undecided:
		f.fail(VerdictUndecided, name, "%s", o.Reason)
	default:
		f.fail(VerdictInvalid, name, "%s", o.Reason)
	}
}

package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"unicode"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// evidence is what is attached to one image.
type evidence struct {
	trusted []statement // by somebody whose word counts
	undated []statement // as well, if it was known when they were signed: they count against an image and never for it
	unread  []statement // by somebody who may object, and not to be understood: each could speak against the image
	links   []link
	ignored []Ignored
	bundles int // that were read and claim to be signed with a key, whosever it is
	notRead int
	// present are the bundles that were read, by digest, whoever signed them.
	present map[digest.Digest]bool
	// denied says what was taken out of trusted because its signer or builder is denied.
	denied []string
	held   []statement // provenance of which every check of origin holds
	heard  bool        // what speaks against the image was looked at
	// incomplete says why not everything attached was seen; empty when it was.
	incomplete string
	// ambiguous says who signed and is two entries that must not be one; nil: nobody. Of several the first by name, whoever orders the listing.
	ambiguous  error
	unanswered error // what could not be fetched for want of an answer; nil: nothing
}

func (e *evidence) ignore(img image, referrer digest.Digest, format string, args ...any) {
	e.ignored = append(e.ignored, Ignored{Subject: img.desc.Digest, Referrer: referrer, Reason: clip(fmt.Sprintf(format, args...))})
}

// gather reads everything that a listing, which ended in err, says is attached to img, and keeps the statements that a given key signed.
// It fails only when nothing can be listed at all; a single thing that cannot be read makes the evidence incomplete. What is large is
// read once turn is closed.
func gather(ctx context.Context, o Options, img image, listing artifact.Listing, err error, turn <-chan struct{}) (evidence, error) {
	e := evidence{present: map[digest.Digest]bool{}}
	var incomplete *artifact.IncompleteError
	switch {
	case errors.As(err, &incomplete):
		e.incomplete = err.Error()
	case err != nil:
		return e, fmt.Errorf("listing what is attached to %s: %w", img.desc.Digest, err)
	}
	for _, r := range listing.Rejected {
		e.ignore(img, r.Descriptor.Digest, "%s", r.Reason)
	}
	for _, l := range listing.Legacy {
		e.ignore(img, l.Descriptor.Digest, "legacy: cosign's tag %s from before OCI had referrers; attach it again as a bundle", l.Tag)
	}
	err = e.read(ctx, o, img, e.candidates(img, listing.Referrers), turn)
	// The same evidence gives the same answer to the letter, whatever order it was read in.
	sort.SliceStable(e.trusted, func(i, j int) bool { return e.trusted[i].order() < e.trusted[j].order() })
	return e, err
}

// candidates are the referrers that carry a signature bundle by their own manifest, in the order in which they are read.
func (e *evidence) candidates(img image, all []artifact.Referrer) []artifact.Referrer {
	var out []artifact.Referrer
	seen := map[digest.Digest]bool{}
	for _, r := range all {
		d := r.Descriptor.Digest
		switch {
		case seen[d]:
			continue
		case r.Subject.Digest != img.desc.Digest:
			e.ignore(img, d, "its manifest is attached to %q", r.Subject.Digest)
		case len(r.Layers) != 1 || r.Layers[0].MediaType != signing.BundleMediaType:
			e.ignore(img, d, "not a signature bundle, but %q", r.ArtifactType)
		case r.Layers[0].Size > signing.MaxBundle:
			e.ignore(img, d, "a bundle of %d bytes, the limit is %d", r.Layers[0].Size, signing.MaxBundle)
		default:
			out = append(out, r)
		}
		seen[d] = true
	}
	return fair(out)
}

// read fetches the candidates' bundles within the budget, some at a time. One that does not fit any more is passed over, so that
// smaller ones behind it are still read.
func (e *evidence) read(ctx context.Context, o Options, img image, candidates []artifact.Referrer, turn <-chan struct{}) error {
	left := o.Budget.Bytes
	var chosen []artifact.Referrer
	for _, c := range candidates {
		if c.Layers[0].Size <= left {
			left -= c.Layers[0].Size
			chosen = append(chosen, c)
		}
	}
	if e.notRead = len(candidates) - len(chosen); e.notRead > 0 {
		e.incomplete = fmt.Sprintf("%d of %d bundles were not read: together they have more than %d bytes, and one of them could speak against the image",
			e.notRead, len(candidates), o.Budget.Bytes)
	}
	if o.Budget.Bytes-left > bytesAhead {
		select {
		case <-turn:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return e.fetch(ctx, o, img, chosen)
}

// open checks the signature, and only then reads what was signed, from the very bytes that it covers.
func (e *evidence) open(o Options, img image, r artifact.Referrer, bundle []byte) {
	referrer := r.Descriptor.Digest
	if o.Layout.take(o, e, img, referrer, bundle) {
		return
	}
	check := o.checkBundle
	if check == nil {
		check = o.Trust.Verify
	}
	got, err := check(bundle)
	if !errors.Is(err, signing.ErrOtherKind) {
		e.bundles++
	}
	if err != nil {
		e.ignore(img, referrer, "%v", err)
		return
	}
	if err := trust.Ambiguous(got.By, o.signers(), o.owners()); err != nil && (e.ambiguous == nil || err.Error() < e.ambiguous.Error()) {
		e.ambiguous = err
	}
	s, err := got.Statement()
	st := statement{Statement: s, referrer: referrer, bundle: r.Layers[0].Digest, payload: digest.FromBytes(got.Payload), by: got.By, at: got.Time}
	if err != nil {
		e.ignore(img, referrer, "signed by %s, but %v", got.By, err)
		e.doubt(o, st, got.Payload, err)
		return
	}
	ok, undated, why := st.admit(o.entries())
	if o.Roster != nil {
		st.owners, _, _ = st.admit(o.Roster.Owners)
	}
	switch {
	case len(ok) > 0:
		st.who = ok
		e.trusted = append(e.trusted, st)
	case len(undated) > 0:
		st.who = undated
		e.undated = append(e.undated, st)
		e.ignore(img, referrer, "signed by %s, %s", got.By, why)
	default:
		e.ignore(img, referrer, "signed by %s, %s", got.By, why)
	}
}

// doubt keeps a statement that cannot be read at all, where it says of itself that it is of a kind that may speak against the image, and
// somebody signed it who may.
func (e *evidence) doubt(o Options, s statement, payload []byte, why error) {
	var says struct {
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(payload, &says); err != nil || says.PredicateType != provenance.PredicateRebuild && says.PredicateType != provenance.PredicateVSA {
		return
	}
	for _, w := range o.entries() {
		if w.Is(s.by) && w.May(mayObject...) && w.Timing(s.at) != trust.OutOfTime {
			s.unreadable = why
			e.unread = append(e.unread, s)
			return
		}
	}
}

// clip keeps a stranger's text to one short printable line.
func clip(s string) string {
	const limit = 240
	out := make([]rune, 0, limit)
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = ' '
		}
		if out = append(out, r); len(out) == limit {
			return string(out) + "..."
		}
	}
	return string(out)
}

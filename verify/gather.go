package verify

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"
	"unicode"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// parallel is how many bundles are read at once: enough to hide a registry's latency, few enough to bound memory.
const parallel = 8

// statement is one statement whose signature holds for a key, or an identity, that was given.
type statement struct {
	provenance.Statement
	referrer digest.Digest
	by       trust.Party
	time     time.Time // when it was signed at the latest, by somebody trusted; zero: nobody says
}

// evidence is what is attached to one image.
type evidence struct {
	trusted []statement // in order of the referrers' digests
	ignored []Ignored
	bundles int // that were read and claim to be signed with a key, whosever it is
	notRead int
	// incomplete says why not everything attached was seen; empty when it was.
	incomplete string
}

func (e *evidence) ignore(img image, referrer digest.Digest, format string, args ...any) {
	e.ignored = append(e.ignored, Ignored{Subject: img.desc.Digest, Referrer: referrer, Reason: clip(fmt.Sprintf(format, args...))})
}

// gather reads everything attached to img and keeps the statements that a given key signed. It fails only when nothing can
// be listed at all; a single thing that cannot be read makes the evidence incomplete.
func gather(ctx context.Context, o Options, img image) (evidence, error) {
	var e evidence
	listing, err := o.Source.Referrers(ctx, img.desc.Digest, o.Budget.Listing)
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
	return e, e.read(ctx, o, img, e.candidates(img, listing.Referrers))
}

// candidates are the referrers that carry a signature bundle by their own manifest, smallest first, so that somebody's huge
// junk comes last when the budget runs out.
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
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Layers[0].Size != b.Layers[0].Size {
			return a.Layers[0].Size < b.Layers[0].Size
		}
		return a.Descriptor.Digest < b.Descriptor.Digest
	})
	return out
}

// read fetches the candidates' bundles within the budget, some at a time.
func (e *evidence) read(ctx context.Context, o Options, img image, candidates []artifact.Referrer) error {
	left := o.Budget.Bytes
	for len(candidates) > 0 {
		n := 0
		for n < len(candidates) && n < parallel && candidates[n].Layers[0].Size <= left {
			left -= candidates[n].Layers[0].Size
			n++
		}
		if n == 0 {
			e.notRead = len(candidates)
			e.incomplete = fmt.Sprintf("%d bundles were not read: together they have more than %d bytes", e.notRead, o.Budget.Bytes)
			return nil
		}
		if err := e.readSome(ctx, o, img, candidates[:n]); err != nil {
			return err
		}
		candidates = candidates[n:]
	}
	return nil
}

func (e *evidence) readSome(ctx context.Context, o Options, img image, batch []artifact.Referrer) error {
	bundles := make([][]byte, len(batch))
	failures := make([]error, len(batch))
	var g errgroup.Group
	for i, r := range batch {
		g.Go(func() error {
			bundles[i], failures[i] = o.Source.Blob(ctx, r.Layers[0], signing.MaxBundle)
			return nil
		})
	}
	_ = g.Wait() // the failures are in their slice
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, r := range batch {
		if failures[i] != nil {
			e.incomplete = fmt.Sprintf("reading %s: %v", r.Descriptor.Digest, failures[i])
			e.ignore(img, r.Descriptor.Digest, "could not be read: %v", failures[i])
			e.notRead++
			continue
		}
		e.open(o, img, r.Descriptor.Digest, bundles[i])
	}
	return nil
}

// open checks the signature, and only then reads what was signed, from the very bytes that it covers.
func (e *evidence) open(o Options, img image, referrer digest.Digest, bundle []byte) {
	got, err := o.Trust.Verify(bundle)
	if !errors.Is(err, signing.ErrOtherKind) {
		e.bundles++
	}
	if err != nil {
		e.ignore(img, referrer, "%v", err)
		return
	}
	if !o.counts(got.By) {
		e.ignore(img, referrer, "signed by %s, who is none of those that count", got.By)
		return
	}
	s, err := provenance.Parse(got.Payload)
	if err != nil {
		e.ignore(img, referrer, "signed by %s, but %v", got.By, err)
		return
	}
	e.trusted = append(e.trusted, statement{Statement: s, referrer: referrer, by: got.By, time: got.Time})
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

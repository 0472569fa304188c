package freshness

import (
	"context"
	"errors"
	"fmt"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// Index is a release index that was checked.
type Index struct {
	Edition
	Name       string // the repository that it is for
	Statements []provenance.IndexedStatement
	Bundle     digest.Digest // of the index itself
}

// IndexQuestion says which release index is wanted: that for an image, by one of the demand's signers.
type IndexQuestion struct {
	// Source is where the index is: the image's own repository, or the one in which its owner publishes indexes. There the image itself
	// need not be.
	Source artifact.Source
	// Image is the digest that was asked for; Name its repository, which the index must name. An empty name is for a folder: any.
	Image digest.Digest
	Name  string
	// Owner keeps apart the series of several owners about one image, in the memory.
	Owner  string
	Budget artifact.Budget
}

// maxRead bounds in bytes what is read of all that is attached to one manifest: 1 GiB, as verify does.
const maxRead = int64(1 << 30)

var errTooMuch = fmt.Errorf("more than %d bytes are attached", maxRead)

// OpenIndex finds the newest release index that counts; of several with its number, all that they list. Anybody may attach anything, so what is no index, is signed by others or cannot be
// read strictly is passed over; of the indexes that hold, the one with the highest sequence number is judged, and no other: an older one
// must not do where the newest has ended. A0566: there is none. A0560, A0562: as with OpenDenyList.
func OpenIndex(ctx context.Context, q IndexQuestion, d Demand) (*Index, error) {
	what := fmt.Sprintf("the release index of %s in %s", q.Image, q.Source.Name())
	newest, signed, err := newestIndex(ctx, q, d)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if newest == nil {
		return nil, diag.Errorf(codeMissing, "%s is missing", what).
			WithWhy("nothing that one of the indexer's keys signed as an index is attached").
			WithHelp("selfsame index renew REF --key INDEXER.key --signed-by RELEASE.pub")
	}
	series := Seen{Kind: provenance.PredicateReleaseIndex, Name: newest.Name, About: q.Image, Owner: q.Owner}
	if newest.Edition, err = d.check(what, newest.Edition.Edition, signed, series); err != nil {
		return nil, err
	}
	return newest, nil
}

func newestIndex(ctx context.Context, q IndexQuestion, d Demand) (newest *Index, by signing.Signed, err error) {
	listing, err := q.Source.Referrers(ctx, q.Image, q.Budget)
	if err != nil {
		return nil, by, err
	}
	left := maxRead
	for _, r := range listing.Referrers {
		if !mayBeIndex(r) {
			continue
		}
		if left -= r.Layers[0].Size; left < 0 {
			return nil, by, errTooMuch // what is not read might be the newest
		}
		raw, err := q.Source.Blob(ctx, r.Layers[0], signing.MaxBundle)
		if err != nil {
			return nil, by, err // it might be the newest
		}
		x, signed, err := readIndex(q, d, raw)
		if err != nil {
			continue
		}
		switch {
		case newest == nil || x.Sequence > newest.Sequence:
			x.Bundle = r.Layers[0].Digest
			newest, by = x, signed
		case x.Sequence == newest.Sequence:
			newest.join(x.Statements)
		}
	}
	return newest, by, nil
}

// join adds what another index of the same number lists: two who renewed at the same time have each listed what they saw, and whoever
// orders the listing must not choose between them.
func (x *Index) join(others []provenance.IndexedStatement) {
	have := map[provenance.IndexedStatement]bool{}
	for _, s := range x.Statements {
		have[s] = true
	}
	for _, s := range others {
		if !have[s] {
			have[s] = true
			x.Statements = append(x.Statements, s)
		}
	}
}

// mayBeIndex leaves out what says itself that it is another statement. The annotation is nobody's word, but an index whose annotation
// says otherwise only hides itself, and a missing index fails.
func mayBeIndex(r artifact.Referrer) bool {
	says := r.Annotations[artifact.AnnotationBundlePredicateType]
	return len(r.Layers) == 1 && r.Layers[0].MediaType == signing.BundleMediaType && r.Layers[0].Size <= signing.MaxBundle &&
		(says == "" || says == provenance.PredicateReleaseIndex)
}

func readIndex(q IndexQuestion, d Demand, raw []byte) (*Index, signing.Signed, error) {
	signed, err := d.Trust.Verify(raw)
	if err != nil {
		return nil, signed, err
	}
	s, err := signed.Statement()
	if err != nil {
		return nil, signed, err
	}
	if !d.counts(signed, s) {
		return nil, signed, fmt.Errorf("%s may not speak in it", signed.By)
	}
	x, err := s.ReleaseIndex()
	switch {
	case err != nil:
		return nil, signed, err
	case len(s.Subject) != 1 || s.Subject[0].SHA256() != q.Image:
		return nil, signed, errors.New("it is about another image")
	case q.Name != "" && s.Subject[0].Name != q.Name:
		return nil, signed, fmt.Errorf("it is about %q", s.Subject[0].Name)
	}
	return &Index{Edition: Edition{Edition: x.Edition}, Name: s.Subject[0].Name, Statements: x.Statements}, signed, nil
}

// Gone lists the statements of the index that are not among present, which maps a manifest to the bundles that could be read beside it.
func (x *Index) Gone(present map[digest.Digest]map[digest.Digest]bool) []provenance.IndexedStatement {
	var gone []provenance.IndexedStatement
	for _, s := range x.Statements {
		if !present[s.Subject][s.Bundle] {
			gone = append(gone, s)
		}
	}
	return gone
}

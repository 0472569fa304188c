package freshness

import (
	"context"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
)

// DenyList is a deny list that was checked, ready to be asked.
type DenyList struct {
	Edition
	*provenance.Denied

	Name    string // the repository that the list names itself by
	Place   string // where it was read, pinned
	Entries []provenance.DenyEntry
	Bundle  []byte // as it was signed, for ReopenDenyList
}

// String names the list and its edition.
func (l *DenyList) String() string { return l.Name + ", " + l.Edition.String() }

// OpenDenyList reads the list at a place and checks it: signed by somebody in d.Trust, of the place's own name, not ended, not older than
// what is remembered. Diagnostics: A0561 it does not hold; A0560 it has ended or is too old; A0564 there is none; A0562 the memory; and
// those of the registry. All but the first lead to exit 17: without a list that counts nothing is decided.
func OpenDenyList(ctx context.Context, p Place, d Demand) (*DenyList, error) {
	bundle, pinned, found, err := p.Read(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the deny list: %w", err)
	case !found:
		return nil, noList(p)
	}
	return d.denyList(p, pinned, bundle)
}

// ReopenDenyList is OpenDenyList for the bytes of a list that was read at the place before: while a registry is down, what was read last still
// counts until it ends, if whoever signed it still may. pinned is where it was read.
func ReopenDenyList(p Place, pinned string, bundle []byte, d Demand) (*DenyList, error) {
	return d.denyList(p, pinned, bundle)
}

func noList(p Place) error {
	return diag.Errorf(codeNoList, "there is no deny list at `%s`", p).
		WithWhy("a list that is hidden looks just like one that was never made").
		WithHelp("check the reference; the first list is made with `selfsame deny new --list " + p.String() + "`")
}

func (d Demand) denyList(p Place, pinned string, bundle []byte) (*DenyList, error) {
	what := "the deny list " + p.String()
	signed, list, name, err := d.readDenyList(what, p, bundle)
	if err != nil {
		return nil, err
	}
	edition, err := d.check(what, list.Edition, signed, Seen{Kind: provenance.PredicateDenyList, Name: name})
	if err != nil {
		return nil, err
	}
	if err := d.bind(what, p, edition, provenance.PredicateDenyList, name); err != nil {
		return nil, err
	}
	return &DenyList{Edition: edition, Denied: list.Denied(), Name: name, Place: pinned, Entries: list.Entries, Bundle: bundle}, nil
}

// readDenyList is everything but the question whether the list is the newest.
func (d Demand) readDenyList(what string, p Place, bundle []byte) (signing.Signed, provenance.DenyList, string, error) {
	signed, s, err := d.open(what, bundle)
	if err != nil {
		return signed, provenance.DenyList{}, "", err
	}
	list, name, err := s.DenyList()
	if err == nil && p.Name() != "" && name != p.Name() {
		err = fmt.Errorf("it calls itself %q", name)
	}
	if err != nil {
		return signed, list, name, invalid(what, err)
	}
	return signed, list, name, nil
}

// Source says where an entry was found, for whoever is refused: "registry.example.com/ops/denylist, sequence 7".
func (l *DenyList) Source() string { return fmt.Sprintf("%s, sequence %d", l.Name, l.Sequence) }

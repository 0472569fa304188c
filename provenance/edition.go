package provenance

import (
	"encoding/json"
	"fmt"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Edition is what makes a statement one of a series of which only the newest counts: a number that grows by every edition, and a time
// after which the statement says nothing any more. It is what TUF calls version and expires (TUF specification §4.3).
type Edition struct {
	Sequence int64     `json:"sequence"` // from 1
	Issued   time.Time `json:"issued"`   // UTC, whole seconds; by the signer's own word
	Expires  time.Time `json:"expires"`  // UTC, whole seconds
}

// Bounds of an edition.
const (
	maxSequence = 1<<53 - 1            // what every JSON reader keeps exactly
	MaxLife     = 366 * 24 * time.Hour // between Issued and Expires: a list that does not end is not looked after
)

// NewEdition is the edition with a sequence number that is issued now and counts for life. Times are cut to whole seconds.
func NewEdition(sequence int64, now time.Time, life time.Duration) Edition {
	now = now.UTC().Truncate(time.Second)
	return Edition{Sequence: sequence, Issued: now, Expires: now.Add(life.Truncate(time.Second))}
}

// Check says why e is no edition; nil when it is one.
func (e Edition) Check() error {
	switch {
	case e.Sequence < 1 || e.Sequence > maxSequence:
		return fmt.Errorf("the sequence number is %d, not between 1 and %d", e.Sequence, int64(maxSequence))
	case e.Issued.IsZero() || !e.Expires.After(e.Issued):
		return fmt.Errorf("it is issued at %s and expires at %s", stamp(e.Issued), stamp(e.Expires))
	case e.Expires.Sub(e.Issued) > MaxLife:
		return fmt.Errorf("it is to count for %s, the limit is %s", e.Expires.Sub(e.Issued), MaxLife)
	}
	return nil
}

// String is "sequence 7, issued 2026-11-28T11:00:00Z, expires 2026-12-05T11:00:00Z".
func (e Edition) String() string {
	return fmt.Sprintf("sequence %d, issued %s, expires %s", e.Sequence, stamp(e.Issued), stamp(e.Expires))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// listSubject is the subject of a statement that is about a list of its own: the list's name, and the digest of the bytes of its entries.
// An in-toto statement needs a subject with a digest, and this one anybody can compute again.
func listSubject(entries []byte) ocispec.Descriptor {
	return ocispec.Descriptor{Digest: digest.FromBytes(entries)}
}

// checkListSubject demands that the one subject of s is the list whose entries are these bytes, and gives its name.
func checkListSubject(s Statement, entries json.RawMessage) (string, error) {
	if len(s.Subject) != 1 || s.Subject[0].SHA256() != listSubject(entries).Digest {
		return "", fmt.Errorf("the subject is not the list of entries")
	}
	return s.Subject[0].Name, checkName(s.Subject[0].Name)
}

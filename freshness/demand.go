package freshness

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// maxAhead is how far in the future a statement may have been issued: clocks of machines differ, days do not pass unnoticed.
const maxAhead = 10 * time.Minute

// Counts says whether somebody's word counts in a series, which has the name of a repository, at the time that somebody trusted vouches for;
// the zero time: nobody does.
type Counts func(by trust.Party, at time.Time, series string) bool

// Demand is what a verifier asks of an edition, beside its signature.
type Demand struct {
	// Trust is whose signature counts.
	Trust signing.Trust
	// Counts says whose word counts of all whose signatures hold, when, and in which series: the repository that the statement is about. nil:
	// everybody's. It must be set where Trust has a root.
	Counts Counts
	// Now is the verifier's clock.
	Now time.Time
	// Minimum is the least sequence number; 0: any. It is what a verifier without a memory has instead.
	Minimum int64
	// MaxAge bounds the time since it was issued; 0: until it expires.
	MaxAge time.Duration
	// Memory is what was seen before; nil: nothing is remembered.
	Memory *Memory
}

// Edition is a statement that was found to be the newest as far as the demand can tell.
type Edition struct {
	provenance.Edition
	By        trust.Party
	Statement digest.Digest // of the payload's bytes
	// Until is when it does not count any more for whoever asked: when it expires, or is too old for the demand.
	Until time.Time
	// Remembered says what Sequence was compared with: "stateless", "first seen" or "not older than 6".
	Remembered string
}

// Stateless says that no memory of earlier editions was asked.
func (e Edition) Stateless() bool { return e.Remembered == stateless }

// String says what the edition is and what it was compared with.
func (e Edition) String() string { return e.Edition.String() + "; " + e.Remembered }

const stateless = "stateless: earlier ones are not remembered"

// check judges a verified statement of a series. what names it, as in "the deny list registry.example.com/ops/denylist". The order is
// time, number, memory: what has ended must not become what is remembered.
func (d Demand) check(what string, e provenance.Edition, signed signing.Signed, series Seen) (Edition, error) {
	found := Edition{Edition: e, By: signed.By, Statement: digest.FromBytes(signed.Payload), Until: e.Expires, Remembered: stateless}
	if old := e.Issued.Add(d.MaxAge); d.MaxAge > 0 && old.Before(found.Until) {
		found.Until = old
	}
	if err := d.inTime(e); err != nil {
		return found, stale(what, err)
	}
	if e.Sequence < d.Minimum {
		return found, stale(what, fmt.Errorf("sequence %d is less than the minimum, %d", e.Sequence, d.Minimum))
	}
	if d.Memory == nil {
		return found, nil
	}
	series.Sequence, series.Statement, series.Issued = e.Sequence, found.Statement, e.Issued
	before, known, err := d.Memory.Advance(series)
	switch {
	case errors.Is(err, errOlder), errors.Is(err, errForked), errors.Is(err, errCalled):
		return found, stale(what, err)
	case err != nil:
		return found, err
	case known:
		found.Remembered = fmt.Sprintf("not older than %d, seen before", before.Sequence)
	default:
		found.Remembered = "first seen"
	}
	return found, nil
}

// bind holds a file to the name that what lay in it had when it was first read: a repository is one, and a path is none, so that any other
// series of the same signer would be taken for this one, and be "first seen".
func (d Demand) bind(what string, p Place, e Edition, kind, name string) error {
	f, ok := p.(file)
	if !ok || d.Memory == nil {
		return nil
	}
	path, err := filepath.Abs(f.path)
	if err != nil {
		return unreadable(f.path, err)
	}
	_, _, err = d.Memory.Advance(Seen{Kind: kind, Name: path, Called: name, Sequence: e.Sequence, Statement: e.Statement, Issued: e.Issued})
	switch {
	case errors.Is(err, errCalled):
		return stale(what, fmt.Errorf("%w; give it a path of its own", err))
	case errors.Is(err, errOlder), errors.Is(err, errForked):
		return stale(what, err)
	}
	return err
}

func (d Demand) inTime(e provenance.Edition) error {
	switch {
	case !d.Now.Before(e.Expires):
		return fmt.Errorf("it expired at %s; it is %s", stamp(e.Expires), stamp(d.Now))
	case e.Issued.After(d.Now.Add(maxAhead)):
		return fmt.Errorf("it was issued at %s; it is only %s by this machine's clock", stamp(e.Issued), stamp(d.Now))
	case d.MaxAge > 0 && d.Now.Sub(e.Issued) >= d.MaxAge:
		return fmt.Errorf("it was issued at %s, longer than %s ago", stamp(e.Issued), d.MaxAge)
	}
	return nil
}

func (d Demand) counts(s signing.Signed, st provenance.Statement) bool {
	series := ""
	if len(st.Subject) == 1 { // one with several is refused by whoever reads it
		series = st.Subject[0].Name
	}
	return d.Counts == nil || d.Counts(s.By, s.Time, series)
}

func stale(what string, err error) error {
	if errors.Is(err, errOlder) {
		return diag.Errorf(codeStale, "%s does not count: %w", what, err).
			WithWhy("a newer one may say something else, so nothing is decided").
			WithHelp("check any mirror in between; to go back on purpose, have what it says signed again under a higher number")
	}
	return diag.Errorf(codeStale, "%s does not count: %w", what, err).
		WithWhy("a newer one may say something else, so nothing is decided").
		WithHelp("have it renewed by whoever signs it; check this machine's clock and any mirror in between")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// open checks the signature, and only then reads what was signed.
func (d Demand) open(what string, bundle []byte) (signing.Signed, provenance.Statement, error) {
	signed, err := d.Trust.Verify(bundle)
	if err != nil {
		return signed, provenance.Statement{}, invalid(what, err)
	}
	s, err := signed.Statement()
	if err != nil {
		return signed, s, invalid(what, err)
	}
	if !d.counts(signed, s) {
		return signed, provenance.Statement{}, invalid(what, fmt.Errorf("%s may not speak in it", signed.By))
	}
	return signed, s, nil
}

func invalid(what string, err error) error {
	return diag.Errorf(codeInvalid, "%s does not hold: %w", what, err).
		WithWhy("it is not what somebody signed who may").
		WithHelp("compare the keys that you gave with those of whoever signs it")
}

package provenance

import (
	"fmt"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// PredicateWaiver is the type of a waiver: somebody answers for it that one finding does not count, for a while.
const PredicateWaiver = "https://selfsame.build/waiver/v0.1"

// Waiver is its predicate. It overrules the one statement that it names, about the one image that is its subject, until it
// expires; no later finding, and none by somebody else.
type Waiver struct {
	// Finding is the sha256 of the statement that is overruled: of the signed payload, so that storing or signing it again makes
	// no new finding.
	Finding Reference `json:"finding"`
	Owner   string    `json:"owner"`   // who answers for it
	Reason  string    `json:"reason"`  // for whoever reads it later
	Expires time.Time `json:"expires"` // it counts before this time
}

// Reference names something by digest, and by URI where it can be fetched (in-toto v1, ResourceDescriptor).
type Reference struct {
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"` // algorithm to lower-case hexadecimal
}

// SHA256Reference is a Reference by sha256.
func SHA256Reference(uri string, d digest.Digest) Reference {
	return Reference{URI: uri, Digest: digestSet(d)}
}

// SHA256 is the digest, or empty when there is none.
func (r Reference) SHA256() digest.Digest { return Subject{Digest: r.Digest}.SHA256() }

// maxReason bounds what people write into a waiver, in bytes.
const maxReason = 4096

// WaiverStatement makes a waiver about subject. It refuses one without owner, reason or end.
func WaiverStatement(name string, subject ocispec.Descriptor, w Waiver) (Subjected, error) {
	w.Expires = w.Expires.UTC()
	if err := w.check(); err != nil {
		return Subjected{}, fmt.Errorf("making a waiver: %w", err)
	}
	return marshal(name, subject, PredicateWaiver, w)
}

// Waiver reads the predicate of a waiver. All of its fields must be there, and no other: a condition that is not understood
// could limit it.
func (s Statement) Waiver() (Waiver, error) {
	var w Waiver
	if s.PredicateType != PredicateWaiver {
		return w, fmt.Errorf("reading a waiver: the predicate type is %q, not %q", s.PredicateType, PredicateWaiver)
	}
	err := strictjson.Unmarshal(s.Predicate, &w, strictjson.Limits{MaxBytes: 64 << 10, MaxDepth: 8, MaxValues: 64})
	if err == nil {
		err = w.check()
	}
	if err != nil {
		return w, fmt.Errorf("reading a waiver: %w", err)
	}
	return w, nil
}

func (w Waiver) check() error {
	switch {
	case checkSHA256("finding", w.Finding.SHA256()) != nil:
		return checkSHA256("finding", w.Finding.SHA256())
	case strings.TrimSpace(w.Owner) == "", strings.TrimSpace(w.Reason) == "":
		return fmt.Errorf("nobody answers for it, or no reason is given")
	case len(w.Owner) > maxReason || len(w.Reason) > maxReason:
		return fmt.Errorf("owner and reason have at most %d bytes", maxReason)
	case w.Expires.IsZero():
		return fmt.Errorf("it has no end")
	}
	return nil
}

package provenance

import (
	"fmt"
	"slices"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// PredicateReleaseIndex is the type of a release index: the list of all statements that exist about an image
// (docs/reference/releaseindex.md).
const PredicateReleaseIndex = "https://selfsame.build/releaseindex/v0.1"

// maxIndexed bounds the statements that one index lists.
const maxIndexed = 20_000

// ReleaseIndex is the predicate of a release index. A registry can leave out what is attached to an image; it cannot make a list that
// names it say otherwise.
type ReleaseIndex struct {
	Edition
	Statements []IndexedStatement `json:"statements"`
}

// IndexedStatement is one statement that must be there.
type IndexedStatement struct {
	// Bundle is the digest of the signed bundle's bytes. It stays the same when evidence is copied to another registry.
	Bundle digest.Digest `json:"bundle"`
	// Subject is the manifest or index that it is attached to.
	Subject digest.Digest `json:"subject"`
	// PredicateType says what it states, for people.
	PredicateType string `json:"predicateType"`
}

// Check says why x is no release index; nil when it is one. One that lists nothing would be an excuse to have nothing.
func (x ReleaseIndex) Check() error {
	if err := x.Edition.Check(); err != nil {
		return err
	}
	if n := len(x.Statements); n == 0 || n > maxIndexed {
		return fmt.Errorf("%d statements, between 1 and %d were expected", n, maxIndexed)
	}
	seen := map[IndexedStatement]bool{}
	for _, s := range x.Statements {
		if err := checkSHA256("listed bundle", s.Bundle); err != nil {
			return err
		}
		if err := checkSHA256("listed subject", s.Subject); err != nil {
			return err
		}
		if !oneLine(s.PredicateType, 1024) {
			return fmt.Errorf("%s: the predicate type is not one line of at most 1024 bytes", s.Bundle)
		}
		if seen[s] {
			return fmt.Errorf("%s is listed twice", s.Bundle)
		}
		seen[s] = true
	}
	return nil
}

// ReleaseIndexStatement makes the statement of a release index about an image that is published as name. Statements are sorted, so that
// equal lists are equal bytes.
func ReleaseIndexStatement(name string, image ocispec.Descriptor, x ReleaseIndex) (Subjected, error) {
	x.Statements = slices.Clone(x.Statements)
	slices.SortFunc(x.Statements, func(a, b IndexedStatement) int {
		return slices.Compare([]string{a.Subject.String(), a.PredicateType, a.Bundle.String()}, []string{b.Subject.String(), b.PredicateType, b.Bundle.String()})
	})
	if err := x.Check(); err != nil {
		return Subjected{}, fmt.Errorf("making a release index: %w", err)
	}
	return marshal(name, image, PredicateReleaseIndex, x)
}

// ReleaseIndex reads the predicate of a release index. A field that is not known is an error: it could narrow what the list says.
func (s Statement) ReleaseIndex() (ReleaseIndex, error) {
	var x ReleaseIndex
	if s.PredicateType != PredicateReleaseIndex {
		return x, fmt.Errorf("reading a release index: the predicate type is %q, not %q", s.PredicateType, PredicateReleaseIndex)
	}
	limits := strictjson.Limits{MaxBytes: MaxStatementBytes, MaxDepth: maxDepth, MaxValues: maxValues}
	if err := strictjson.Unmarshal(s.Predicate, &x, limits); err != nil {
		return x, fmt.Errorf("reading a release index: %w", err)
	}
	if err := x.Check(); err != nil {
		return x, fmt.Errorf("reading a release index: %w", err)
	}
	return x, nil
}

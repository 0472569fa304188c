package provenance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// PredicateBreakGlass is the type of a break-glass statement: somebody answers for it that an image may run in some namespaces for some
// hours, whatever the policy says. The deny list goes before it.
const PredicateBreakGlass = "https://selfsame.build/break-glass/v0.1"

// MaxBreakGlass bounds the life of one: an emergency that lasts longer is a change of the policy.
const MaxBreakGlass = 24 * time.Hour

// OutsideNamespaces is the namespace of containers that have none: those of plain containerd, docker and podman. No namespace of
// Kubernetes can be called so.
const OutsideNamespaces = "-"

// BreakGlass is its predicate. Its subject is the one image that it is about: the index or manifest that gates are asked for.
type BreakGlass struct {
	Namespaces []string  `json:"namespaces"` // each by name; OutsideNamespaces for none
	Owner      string    `json:"owner"`      // who answers for it
	Reason     string    `json:"reason"`     // for whoever reads it later
	Issued     time.Time `json:"issued"`
	Expires    time.Time `json:"expires"` // it counts before this time
}

// namespaces are spelt as Kubernetes has them (RFC 1123, a label).
var namespaces = lazyregexp.New(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?|-)$`)

// maxNamespaces bounds what one statement opens.
const maxNamespaces = 32

// BreakGlassStatement makes one about subject. It refuses one without namespace, owner, reason or end, or that lasts too long.
func BreakGlassStatement(name string, subject digest.Digest, b BreakGlass) (Subjected, error) {
	b.Issued, b.Expires = b.Issued.UTC(), b.Expires.UTC()
	if err := b.check(); err != nil {
		return Subjected{}, fmt.Errorf("making a break-glass statement: %w", err)
	}
	return marshal(name, ocispec.Descriptor{Digest: subject}, PredicateBreakGlass, b)
}

// BreakGlass reads the predicate of a break-glass statement, and its one subject. All of its fields must be there, and no other.
func (s Statement) BreakGlass() (b BreakGlass, image Subject, err error) {
	if s.PredicateType != PredicateBreakGlass {
		return b, image, fmt.Errorf("reading a break-glass statement: the predicate type is %q, not %q", s.PredicateType, PredicateBreakGlass)
	}
	err = strictjson.Unmarshal(s.Predicate, &b, strictjson.Limits{MaxBytes: 64 << 10, MaxDepth: 4, MaxValues: 128})
	if err == nil {
		err = b.check()
	}
	if err == nil && (len(s.Subject) != 1 || s.Subject[0].SHA256() == "" || s.Subject[0].Name == "") {
		err = errors.New("it is not about one image, by name and sha256")
	}
	if err != nil {
		return b, image, fmt.Errorf("reading a break-glass statement: %w", err)
	}
	return b, s.Subject[0], nil
}

func (b BreakGlass) check() error {
	switch life := b.Expires.Sub(b.Issued); {
	case len(b.Namespaces) == 0 || len(b.Namespaces) > maxNamespaces:
		return fmt.Errorf("it names %d namespaces, between 1 and %d are meant", len(b.Namespaces), maxNamespaces)
	case strings.TrimSpace(b.Owner) == "", strings.TrimSpace(b.Reason) == "":
		return errors.New("nobody answers for it, or no reason is given")
	case len(b.Owner) > maxReason || len(b.Reason) > maxReason:
		return fmt.Errorf("owner and reason have at most %d bytes", maxReason)
	case b.Issued.IsZero() || life <= 0 || life > MaxBreakGlass:
		return fmt.Errorf("it lasts from %s to %s; at most %s is meant", b.Issued.Format(time.RFC3339), b.Expires.Format(time.RFC3339), MaxBreakGlass)
	}
	for _, n := range b.Namespaces {
		if !namespaces.MatchString(n) {
			return fmt.Errorf("%.70q is not a namespace: each is named, none is a pattern", n)
		}
	}
	return nil
}

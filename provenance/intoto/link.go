package intoto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/provenance"
)

// Artifacts are digests by name.
type Artifacts map[string]digest.Digest

// Link is what a functionary says of one step.
type Link struct {
	Step      string
	Command   []string
	Materials Artifacts
	Products  Artifacts
	// ByProducts is whatever else the step wants to say, as JSON objects do; it counts for nothing.
	ByProducts map[string]any
}

// statement is a link as an in-toto statement: the products are its subjects.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

type predicate struct {
	Name        string          `json:"name"`
	Command     []string        `json:"command"`
	Materials   []resource      `json:"materials"`
	ByProducts  json.RawMessage `json:"byproducts,omitempty"`
	Environment json.RawMessage `json:"environment,omitempty"`
}

type resource struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Statement is the link ready to be signed. It refuses a link that ReadLink would refuse, and one without products, which a statement
// cannot say.
func (l Link) Statement() ([]byte, error) {
	s := statement{
		Type: provenance.StatementType, PredicateType: provenance.PredicateLink, Subject: resources(l.Products),
		Predicate: predicate{Name: l.Step, Command: append([]string{}, l.Command...), Materials: append([]resource{}, resources(l.Materials)...)},
	}
	var err error
	if len(l.ByProducts) > 0 {
		if s.Predicate.ByProducts, err = json.Marshal(l.ByProducts); err != nil {
			return nil, fmt.Errorf("making the link of %s: %w", l.Step, err)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("making the link of %s: %w", l.Step, err)
	}
	payload := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if _, err := ReadLink(payload); err != nil {
		return nil, fmt.Errorf("making the link of %s: %w", l.Step, err)
	}
	return payload, nil
}

func resources(a Artifacts) []resource {
	var out []resource
	for _, name := range sortedKeys(a) {
		out = append(out, resource{name, map[string]string{string(a[name].Algorithm()): a[name].Encoded()}})
	}
	return out
}

// IsLink says whether a payload, signed or not, says of itself that it is a link. It is a cheap look before ReadLink's careful one.
func IsLink(payload []byte) bool {
	var s struct {
		PredicateType string `json:"predicateType"`
	}
	return len(payload) <= MaxLinkBytes && json.Unmarshal(payload, &s) == nil && s.PredicateType == provenance.PredicateLink
}

// ReadLink reads a link: the very bytes whose signature was checked. Unknown fields are ignored, as in-toto demands of statements; keys
// are there once and in their own case, each artifact has one clean name and a sha256 digest in lower case.
func ReadLink(payload []byte) (Link, error) {
	l, err := readLink(payload)
	if err != nil {
		return Link{}, fmt.Errorf("reading a link: %w", err)
	}
	return l, nil
}

func readLink(payload []byte) (Link, error) {
	var s statement
	limits := strictjson.Limits{MaxBytes: MaxLinkBytes, MaxDepth: maxDepth, MaxValues: maxValues, AllowUnknown: true}
	if err := strictjson.Unmarshal(payload, &s, limits); err != nil {
		return Link{}, err
	}
	if s.Type != provenance.StatementType {
		return Link{}, fmt.Errorf("`_type` is %.80q, not %q", s.Type, provenance.StatementType)
	}
	if s.PredicateType != provenance.PredicateLink {
		return Link{}, fmt.Errorf("the predicate type is %.80q, not %q", s.PredicateType, provenance.PredicateLink)
	}
	if err := CheckStepName(s.Predicate.Name); err != nil {
		return Link{}, err
	}
	if len(s.Subject) == 0 {
		return Link{}, fmt.Errorf("it names no product")
	}
	l := Link{Step: s.Predicate.Name, Command: s.Predicate.Command}
	var err error
	if l.Products, err = artifacts(s.Subject); err != nil {
		return Link{}, fmt.Errorf("products: %w", err)
	}
	if l.Materials, err = artifacts(s.Predicate.Materials); err != nil {
		return Link{}, fmt.Errorf("materials: %w", err)
	}
	if len(s.Predicate.ByProducts) > 0 {
		err = json.Unmarshal(s.Predicate.ByProducts, &l.ByProducts)
	}
	return l, err
}

var hexSHA256 = lazyregexp.New(`^[0-9a-f]{64}$`)

func artifacts(list []resource) (Artifacts, error) {
	if len(list) > maxArtifacts {
		return nil, fmt.Errorf("%d artifacts, the limit is %d", len(list), maxArtifacts)
	}
	out := Artifacts{}
	for _, r := range list {
		if err := checkPath(r.Name); err != nil {
			return nil, err
		}
		if _, twice := out[r.Name]; twice {
			return nil, fmt.Errorf("the artifact %q is there twice", r.Name)
		}
		if !hexSHA256.MatchString(r.Digest["sha256"]) {
			return nil, fmt.Errorf("the artifact %q has no sha256 digest in lower-case hexadecimal", r.Name)
		}
		out[r.Name] = digest.NewDigestFromEncoded(digest.SHA256, r.Digest["sha256"])
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func trimSlash(p string) string { return strings.TrimSuffix(p, "/") }

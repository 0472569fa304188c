package provenance

import (
	"bytes"
	"encoding/json"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// Subjected is a statement ready to be signed: exactly Payload, with PayloadType, attached as a referrer to Subject.
type Subjected struct {
	Subject       ocispec.Descriptor // the manifest or index that the statement is about
	Payload       []byte             // JSON; never re-serialise it
	PredicateType string
}

// Subject is one artifact that a statement is about.
type Subject struct {
	// Name is the repository without tag; empty in statements that are not ours.
	Name string `json:"name,omitempty"`
	// Digest maps algorithm names to lower-case hexadecimal.
	Digest map[string]string `json:"digest"`
}

// SHA256 is the subject's sha256 digest, or empty when it has none: other algorithms are not accepted (in-toto v1,
// "digest set": a consumer ignores the algorithms that it does not accept).
func (s Subject) SHA256() digest.Digest {
	if h := s.Digest["sha256"]; h != "" {
		return digest.NewDigestFromEncoded(digest.SHA256, h)
	}
	return ""
}

// Statement is an in-toto Statement with its predicate still as bytes.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
	// Checked is Predicate as Parse found it to be strict, so that it is not checked again when it is read. Of no use in a statement made by hand.
	Checked strictjson.Document `json:"-"`
}

// Statements makes everything that is said of a proven build: provenance and rebuild statements, each for the index and
// for each platform manifest, in that order. It refuses a build whose twins differ or whose description has holes, so that
// a statement of a match cannot be made of anything else.
func Statements(b Build) ([]Subjected, error) {
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("making provenance: %w", err)
	}
	pred := newPredicate(b)
	var out []Subjected
	for _, s := range b.subjects() {
		prov, err := marshal(b.Name, s.desc, PredicateProvenance, pred)
		if err != nil {
			return nil, fmt.Errorf("making provenance of %s: %w", s.desc.Digest, err)
		}
		reb, err := RebuildStatement(b.Name, s.desc, b.rebuild(s))
		if err != nil {
			return nil, fmt.Errorf("making rebuild statement of %s: %w", s.desc.Digest, err)
		}
		out = append(out, prov, reb)
	}
	return out, nil
}

// SBOMStatement wraps an SPDX 2.3 JSON document about subject.
func SBOMStatement(name string, subject ocispec.Descriptor, spdx []byte) (Subjected, error) {
	if !json.Valid(spdx) {
		return Subjected{}, fmt.Errorf("wrapping SBOM of %s: not JSON", subject.Digest)
	}
	return marshal(name, subject, PredicateSPDX, json.RawMessage(spdx))
}

// subject is a manifest of the build with what the twin made of it.
type subject struct {
	desc   ocispec.Descriptor
	twin   digest.Digest
	images []Image // all platforms for the index, one for a platform manifest
}

func (b Build) subjects() []subject {
	images := sortedImages(b.Images)
	out := []subject{{desc: b.Index, twin: b.IndexTwin, images: images}}
	for _, i := range images {
		out = append(out, subject{desc: i.Manifest, twin: i.Twin, images: []Image{i}})
	}
	return out
}

// marshal makes the statement's bytes: struct order is field order and map keys are sorted, so the same input gives the
// same bytes. HTML is not escaped, since URLs with & are common here and are read by people.
func marshal(name string, desc ocispec.Descriptor, predicateType string, predicate any) (Subjected, error) {
	if err := checkSHA256("subject", desc.Digest); err != nil {
		return Subjected{}, err
	}
	if err := checkName(name); err != nil {
		return Subjected{}, err
	}
	raw, err := encode(predicate)
	if err != nil {
		return Subjected{}, err
	}
	payload, err := encode(Statement{
		Type:          StatementType,
		Subject:       []Subject{{Name: name, Digest: digestSet(desc.Digest)}},
		PredicateType: predicateType,
		Predicate:     raw,
	})
	if err != nil {
		return Subjected{}, err
	}
	// What is written must be readable by the strict reader, else it would be signed and never verify.
	if _, err := Parse(payload); err != nil {
		return Subjected{}, err
	}
	return Subjected{Subject: desc, Payload: payload, PredicateType: predicateType}, nil
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func digestSet(d digest.Digest) map[string]string {
	if d == "" {
		return nil
	}
	return map[string]string{string(d.Algorithm()): d.Encoded()}
}

package provenance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// Limits of a statement beyond its bytes: nesting, and values for the largest lock.
const (
	maxDepth  = 64
	maxValues = 2_000_000
)

// The lengths that the digits of a digest may have: MD5's at least, SHA-512's at most.
const (
	minDigest = 32
	maxDigest = 128
)

// Parse reads a statement: the very bytes whose signature was checked. Fields that the in-toto specification does not know
// are ignored at the top level, as it demands; everything else is strict: `_type` is v1 (or v0.1), there is at least one
// subject, every subject has a sha256 digest in lower case, no key is there twice or in another case, the predicate is an object.
func Parse(payload []byte) (Statement, error) {
	d, err := strictjson.Read(payload, Limits)
	if err != nil {
		return Statement{}, fmt.Errorf("reading statement: %w", err)
	}
	return ParseChecked(d)
}

// ParseChecked is Parse for a payload that was found to be strict JSON within Limits already.
func ParseChecked(payload strictjson.Document) (Statement, error) {
	s, err := parse(payload)
	if err != nil {
		return Statement{}, fmt.Errorf("reading statement: %w", err)
	}
	return s, nil
}

// Limits are those of a statement as JSON, whoever signed it.
var Limits = strictjson.Limits{MaxBytes: MaxStatementBytes, MaxDepth: maxDepth, MaxValues: maxValues}

func parse(payload strictjson.Document) (Statement, error) {
	s, err := members(payload)
	if err != nil {
		return Statement{}, err
	}
	// in-toto v1 "_type: Identifier for the schema of the Statement. Always https://in-toto.io/Statement/v1 for this version."
	if s.Type != StatementType && s.Type != StatementTypeV01 {
		return Statement{}, fmt.Errorf("`_type` is %q, not %q", s.Type, StatementType)
	}
	// "predicateType: URI identifying the type of the Predicate. REQUIRED."
	if s.PredicateType == "" {
		return Statement{}, fmt.Errorf("`predicateType` is missing")
	}
	if n := len(payload.Bytes()); s.PredicateType == PredicateSPDX && n > MaxSBOMBytes {
		return Statement{}, fmt.Errorf("%d bytes, the limit is %d", n, MaxSBOMBytes)
	}
	if len(s.Predicate) == 0 || s.Predicate[0] != '{' {
		return Statement{}, fmt.Errorf("`predicate` is not an object")
	}
	return s, checkSubjects(s.Subject)
}

// members takes a statement apart. The predicate, which is most of it, is not decoded here.
func members(payload strictjson.Document) (Statement, error) {
	m, err := payload.AllowUnknown().Members([]string{"_type", "subject", "predicateType", "predicate"})
	if err != nil {
		return Statement{}, err
	}
	s := Statement{Predicate: m["predicate"].Bytes(), Checked: m["predicate"]}
	for _, member := range []struct {
		name string
		into any
	}{{"_type", &s.Type}, {"predicateType", &s.PredicateType}, {"subject", &s.Subject}} {
		if raw, there := m[member.name]; there {
			if err := raw.Unmarshal(member.into); err != nil {
				return Statement{}, fmt.Errorf("`%s`: %w", member.name, err)
			}
		}
	}
	return s, nil
}

// predicate decodes the predicate into v, a pointer, with names let pass that its type does not have.
func (s Statement) predicate(v any) error {
	if s.Checked.Is(s.Predicate) {
		return s.Checked.AllowUnknown().Unmarshal(v)
	}
	return strictjson.Unmarshal(s.Predicate, v, predicateLimits)
}

// checkSubjects: "subject: Set of software artifacts that the attestation applies to. Each element represents a single
// artifact. REQUIRED, and must have at least one element", each with a digest.
func checkSubjects(subjects []Subject) error {
	if len(subjects) == 0 || len(subjects) > maxSubjects {
		return fmt.Errorf("%d subjects, between 1 and %d were expected", len(subjects), maxSubjects)
	}
	for i, s := range subjects {
		if len(s.Digest) > maxDigestsPerSubject {
			return fmt.Errorf("subject[%d] has %d digests, the limit is %d", i, len(s.Digest), maxDigestsPerSubject)
		}
		for algorithm, value := range s.Digest {
			if algorithm != "sha256" && strings.EqualFold(algorithm, "sha256") || len(value) < minDigest || len(value) > maxDigest || !lowerHex(value) {
				return fmt.Errorf("subject[%d] has the digest %s:%q, which is not lower-case hexadecimal", i, algorithm, value)
			}
		}
		if err := checkSHA256(fmt.Sprintf("subject[%d]", i), s.SHA256()); err != nil {
			return err
		}
	}
	return nil
}

// Provenance is a SLSA v1 provenance predicate as it was read. ExternalParameters and InternalParameters are typed only
// for our own build type; use External and Internal.
type Provenance struct {
	BuildDefinition struct {
		BuildType            string               `json:"buildType"`
		ExternalParameters   json.RawMessage      `json:"externalParameters"`
		InternalParameters   json.RawMessage      `json:"internalParameters,omitempty"`
		ResolvedDependencies []ResourceDescriptor `json:"resolvedDependencies,omitempty"`
	} `json:"buildDefinition"`
	RunDetails runDetails `json:"runDetails"`
}

// Provenance reads the predicate of a provenance statement. The fields that SLSA v1 requires must be there.
func (s Statement) Provenance() (Provenance, error) {
	var p Provenance
	if s.PredicateType != PredicateProvenance {
		return p, fmt.Errorf("reading provenance: the predicate type is %q, not %q", s.PredicateType, PredicateProvenance)
	}
	if err := s.predicate(&p); err != nil {
		return p, fmt.Errorf("reading provenance: %w", err)
	}
	switch {
	case p.BuildDefinition.BuildType == "":
		return p, fmt.Errorf("reading provenance: `buildType` is missing")
	case len(p.BuildDefinition.ExternalParameters) == 0:
		return p, fmt.Errorf("reading provenance: `externalParameters` is missing")
	case p.RunDetails.Builder.ID == "":
		return p, fmt.Errorf("reading provenance: `builder.id` is missing")
	}
	return p, nil
}

var predicateLimits = strictjson.Limits{MaxBytes: MaxStatementBytes, MaxDepth: maxDepth, MaxValues: maxValues, AllowUnknown: true}

// External reads the external parameters of our build type. A field that is not known is an error: SLSA v1 "Verifiers SHOULD
// reject unrecognized fields in externalParameters".
func (p Provenance) External() (ExternalParameters, error) {
	var e ExternalParameters
	if p.BuildDefinition.BuildType != BuildType {
		return e, fmt.Errorf("reading external parameters: the build type is %q, not %q", p.BuildDefinition.BuildType, BuildType)
	}
	limits := strictjson.Limits{MaxBytes: MaxStatementBytes, MaxDepth: maxDepth}
	if err := strictjson.Unmarshal(p.BuildDefinition.ExternalParameters, &e, limits); err != nil {
		return e, fmt.Errorf("reading external parameters: %w", err)
	}
	return e, nil
}

// Internal reads the internal parameters of our build type.
func (p Provenance) Internal() (InternalParameters, error) {
	var i InternalParameters
	if p.BuildDefinition.BuildType != BuildType {
		return i, fmt.Errorf("reading internal parameters: the build type is %q, not %q", p.BuildDefinition.BuildType, BuildType)
	}
	if err := strictjson.Unmarshal(p.BuildDefinition.InternalParameters, &i, predicateLimits); err != nil {
		return i, fmt.Errorf("reading internal parameters: %w", err)
	}
	return i, nil
}

// Builder is the builder.id; Finished when the build ended by its own word (the zero time when it does not say).
func (p Provenance) Builder() string { return p.RunDetails.Builder.ID }

// Finished is when the build ended by the builder's own word; the zero time when it does not say.
func (p Provenance) Finished() time.Time {
	if t := p.RunDetails.BuildMetadata.FinishedOn; t != nil {
		return *t
	}
	return time.Time{}
}

// Dependency finds a resolved dependency by name (DependencyRecipe and so on).
func (p Provenance) Dependency(name string) (ResourceDescriptor, bool) {
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if d.Name == name {
			return d, true
		}
	}
	return ResourceDescriptor{}, false
}

// Rebuild reads the predicate of a rebuild statement, whatever its result; Rebuild.Check judges it.
func (s Statement) Rebuild() (Rebuild, error) {
	var r Rebuild
	if s.PredicateType != PredicateRebuild {
		return r, fmt.Errorf("reading rebuild: the predicate type is %q, not %q", s.PredicateType, PredicateRebuild)
	}
	if err := s.predicate(&r); err != nil {
		return r, fmt.Errorf("reading rebuild: %w", err)
	}
	return r, nil
}

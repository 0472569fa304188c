package provenance

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// PredicatePolicy is the type of a signed policy: what may run, by the rules in it (docs/reference/policy.md).
const PredicatePolicy = "https://selfsame.build/policy/v0.1"

// MaxPolicyBytes bounds the text of a policy, as strict YAML does.
const MaxPolicyBytes = 1 << 20

// PolicyDocument is its predicate. The sequence number is the policy's version.
type PolicyDocument struct {
	Edition
	// Content is the policy's file, byte for byte; in JSON it is base64, as the content of any in-toto resource descriptor.
	Content []byte `json:"content"`
}

// Check says why d is no policy document; nil when it is one. Whether the content is a policy is not asked here.
func (d PolicyDocument) Check() error {
	if err := d.Edition.Check(); err != nil {
		return err
	}
	switch {
	case len(d.Content) == 0 || len(d.Content) > MaxPolicyBytes:
		return fmt.Errorf("the policy has %d bytes, between 1 and %d were expected", len(d.Content), MaxPolicyBytes)
	case !utf8.Valid(d.Content):
		return fmt.Errorf("the policy is not text")
	}
	return nil
}

// PolicyStatement makes the statement of a policy. name is the repository that it is published in, as with a deny list; the subject's
// digest is that of the policy's bytes.
func PolicyStatement(name string, d PolicyDocument) (Subjected, error) {
	if err := d.Check(); err != nil {
		return Subjected{}, fmt.Errorf("making a policy's statement: %w", err)
	}
	return marshal(name, listSubject(d.Content), PredicatePolicy, d)
}

// PolicyDocument reads the predicate of a signed policy, and the name that it was published under.
func (s Statement) PolicyDocument() (PolicyDocument, string, error) {
	var d PolicyDocument
	if s.PredicateType != PredicatePolicy {
		return d, "", fmt.Errorf("reading a policy: the predicate type is %q, not %q", s.PredicateType, PredicatePolicy)
	}
	err := strictjson.Unmarshal(s.Predicate, &d, strictjson.Limits{MaxBytes: 2 * MaxPolicyBytes, MaxDepth: 4, MaxValues: 64})
	if err == nil {
		err = d.Check()
	}
	name := ""
	if err == nil {
		name, err = checkListSubject(s, json.RawMessage(d.Content))
	}
	if err != nil {
		return d, name, fmt.Errorf("reading a policy: %w", err)
	}
	return d, name, nil
}

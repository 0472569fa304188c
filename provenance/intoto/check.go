package intoto

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/selfsame-build/selfsame/trust"
)

// check refuses what cannot be honoured, then reads the rest. The order is the document's.
func (l *Layout) check() error {
	switch d := l.doc; {
	case d.Type != "layout":
		return fmt.Errorf("`_type` is %.40q, not \"layout\"", d.Type)
	case len(d.Inspect) > 0:
		return fmt.Errorf("the inspection %.80q is refused: it would run a command on the machine that verifies", d.Inspect[0].Name)
	case len(d.RootCas) > 0 || len(d.IntermediateCas) > 0:
		return errors.New("`rootcas` and `intermediatecas` are refused: functionaries are named by key, or by issuer and subject")
	case len(d.Steps) == 0 || len(d.Steps) > maxSteps:
		return fmt.Errorf("%d steps, between 1 and %d were expected", len(d.Steps), maxSteps)
	case len(d.Keys) > maxKeys:
		return fmt.Errorf("%d keys, the limit is %d", len(d.Keys), maxKeys)
	}
	var err error
	if l.expires, err = time.Parse(in_toto.ISO8601DateSchema, l.doc.Expires); err != nil {
		return fmt.Errorf("`expires` is %.40q, not a time like %s", l.doc.Expires, in_toto.ISO8601DateSchema)
	}
	if err := l.checkKeys(); err != nil {
		return err
	}
	place := map[string]int{}
	for i, s := range l.doc.Steps {
		if _, twice := place[s.Name]; twice {
			return fmt.Errorf("the step %q is there twice", s.Name)
		}
		if err := l.checkStep(s); err != nil {
			return err
		}
		place[s.Name] = i
	}
	return l.checkRules(place)
}

// checkKeys: a functionary is a key or an identity, not an id. One under two ids would be two functionaries to whoever counts ids.
func (l *Layout) checkKeys() error {
	owner, holder := map[string]string{}, map[trust.Identity]string{}
	for _, id := range sortedKeys(l.doc.Keys) {
		k := l.doc.Keys[id]
		if k.KeyID != id {
			return fmt.Errorf("the key %.80q calls itself %.80q", id, k.KeyID)
		}
		if k.KeyType == identityType {
			who, err := k.identity()
			if err != nil {
				return fmt.Errorf("the key %.80q: %w", id, err)
			}
			if other, twice := holder[who]; twice {
				return fmt.Errorf("the keys %.80q and %.80q are one identity", other, id)
			}
			holder[who], l.identities[id] = id, who
			continue
		}
		if k.KeyVal.Identity != "" || k.KeyVal.Issuer != "" {
			return fmt.Errorf("the key %.80q is of the type %.40q, and names an identity", id, k.KeyType)
		}
		raw, err := der(k.plain())
		if err != nil {
			return fmt.Errorf("the key %.80q: %w", id, err)
		}
		if other, twice := owner[string(raw)]; twice {
			return fmt.Errorf("the keys %.80q and %.80q are one key", other, id)
		}
		owner[string(raw)] = id
		l.keys[id] = raw
	}
	return nil
}

func (l *Layout) checkStep(s in_toto.Step) error {
	if err := CheckStepName(s.Name); err != nil {
		return err
	}
	switch {
	case s.Type != "step":
		return fmt.Errorf("step %q: `_type` is %.40q, not \"step\"", s.Name, s.Type)
	case len(s.CertificateConstraints) > 0:
		return fmt.Errorf("step %q: `cert_constraints` are refused, which know no issuer: functionaries are named by key, or by issuer and subject", s.Name)
	case s.Threshold < 1 || s.Threshold > len(s.PubKeys):
		return fmt.Errorf("step %q: the threshold is %d, and there are %d functionaries", s.Name, s.Threshold, len(s.PubKeys))
	}
	for i, id := range s.PubKeys {
		if _, identity := l.identities[id]; !identity && l.keys[id] == nil {
			return fmt.Errorf("step %q: the functionary %.80q has no key in the layout", s.Name, id)
		}
		if slices.Contains(s.PubKeys[:i], id) {
			return fmt.Errorf("step %q: the functionary %.80q is there twice", s.Name, id)
		}
	}
	return nil
}

// checkRules reads every rule once, and remembers how far back the rules of each step reach.
func (l *Layout) checkRules(place map[string]int) error {
	for i, s := range l.doc.Steps {
		first := i
		for _, rules := range [][][]string{s.ExpectedMaterials, s.ExpectedProducts} {
			if len(rules) > maxRules {
				return fmt.Errorf("step %q: %d rules, the limit is %d", s.Name, len(rules), maxRules)
			}
			for _, rule := range rules {
				from, err := checkRule(rule)
				if err != nil {
					return fmt.Errorf("step %q: %w", s.Name, err)
				}
				if from == "" {
					continue
				}
				at, known := place[from]
				if !known {
					return fmt.Errorf("step %q: a rule matches artifacts of %.80q, and there is no such step", s.Name, from)
				}
				first = min(first, at)
			}
		}
		l.deps = append(l.deps, first)
	}
	return nil
}

// checkRule reads one rule and says which step it refers to, if any.
func checkRule(rule []string) (from string, err error) {
	if len(rule) == 0 { // in-toto-golang would panic
		return "", errors.New("a rule without words")
	}
	for _, w := range rule {
		if len(w) > maxPath {
			return "", fmt.Errorf("a word of a rule has %d bytes, the limit is %d", len(w), maxPath)
		}
	}
	r, err := in_toto.UnpackRule(rule)
	if err != nil {
		return "", fmt.Errorf("the rule %q is of no form that in-toto has", rule)
	}
	if r["type"] == "require" { // a name, not a pattern
		return "", checkPath(r["pattern"])
	}
	if err := checkPattern(r["pattern"]); err != nil {
		return "", err
	}
	if r["type"] != "match" {
		return "", nil
	}
	for _, prefix := range []string{"srcPrefix", "dstPrefix"} {
		if p := r[prefix]; p != "" {
			if err := checkPath(trimSlash(p)); err != nil {
				return "", fmt.Errorf("the rule %q: %w", rule, err)
			}
		}
	}
	if t := r["dstType"]; t != "materials" && t != "products" {
		return "", fmt.Errorf("the rule %q matches neither materials nor products", rule)
	}
	return r["dstName"], nil
}

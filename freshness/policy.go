package freshness

import (
	"context"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
)

// SignedPolicy is a policy that was checked, ready to decide.
type SignedPolicy struct {
	Edition
	*policy.Policy

	Name    string // the repository that it names itself by
	Place   string // where it was read, pinned
	Content []byte // the file, byte for byte
	Bundle  []byte // as it was signed, for ReopenPolicy
}

// OpenPolicy reads the signed policy at a place and checks it: signed by somebody in d.Trust, of the place's own name (of a file: the one that
// is remembered), not ended, not older than what is remembered, and a policy whose version is the number that was signed. It denies everything from when its signature's time is
// over. Diagnostics: A0561 it does not hold; A0560 it has ended or is older; A0650 there is none; A0562 the memory; those of package policy,
// where its text is no policy; and those of the registry.
func OpenPolicy(ctx context.Context, p Place, d Demand) (*SignedPolicy, error) {
	bundle, pinned, found, err := p.Read(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the policy: %w", err)
	case !found:
		return nil, noPolicy(p)
	}
	return ReopenPolicy(p, pinned, bundle, d)
}

// ReopenPolicy is OpenPolicy for the bytes of a policy that was read at the place before. pinned is where.
func ReopenPolicy(p Place, pinned string, bundle []byte, d Demand) (*SignedPolicy, error) {
	what := "the policy " + p.String()
	signed, s, err := d.readPolicy(what, p, bundle)
	if err != nil {
		return nil, err
	}
	s.Edition, err = d.check(what, s.Edition.Edition, signed, Seen{Kind: provenance.PredicatePolicy, Name: s.Name})
	if err != nil {
		return nil, err
	}
	if err := d.bind(what, p, s.Edition, provenance.PredicatePolicy, s.Name); err != nil {
		return nil, err
	}
	s.Policy, s.Place, s.Bundle = s.EndingBy(s.Until), pinned, bundle
	return s, nil
}

// readPolicy is everything but the question whether it is the newest.
func (d Demand) readPolicy(what string, p Place, bundle []byte) (signing.Signed, *SignedPolicy, error) {
	signed, st, err := d.open(what, bundle)
	if err != nil {
		return signed, nil, err
	}
	doc, name, err := st.PolicyDocument()
	if err == nil && p.Name() != "" && name != p.Name() {
		err = fmt.Errorf("it calls itself %q", name)
	}
	if err != nil {
		return signed, nil, invalid(what, err)
	}
	read, err := policy.Parse(p.String(), doc.Content)
	if err != nil {
		return signed, nil, err
	}
	if v := int64(read.Edition().Version); v != doc.Sequence {
		return signed, nil, invalid(what, fmt.Errorf("its version is %d, and it was signed as %d", v, doc.Sequence))
	}
	return signed, &SignedPolicy{Edition: Edition{Edition: doc.Edition}, Policy: read, Name: name, Content: doc.Content}, nil
}

func noPolicy(p Place) error {
	return diag.Errorf(codeNoPolicy, "there is no policy at `%s`", p).
		WithWhy("a policy that is hidden looks just like one that was never published").
		WithHelp("check the reference; a policy is published with `selfsame policy push FILE " + p.String() + " --key KEY`")
}

package policy

import "time"

// EndingBy is the policy that ends at t, if it does not end sooner: one that was signed to count for a while denies everything after that.
func (p *Policy) EndingBy(t time.Time) *Policy {
	if t.IsZero() || !p.expires.IsZero() && p.expires.Before(t) {
		return p
	}
	out := *p
	out.expires = t
	return &out
}

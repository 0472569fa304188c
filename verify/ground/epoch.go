package ground

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
)

// Epoch says under what images are verified: the deny list's number, and a hash over everything else that decides whose word counts. Two
// states with one epoch verify alike. mirrors are Config's; nil: there are none.
func (l Loaded) Epoch(mirrors map[string]string) (policy.Epoch, error) {
	o := l.Options
	about := struct {
		Trust, Roster, Root string
		Keys, Signers       []string
		Identities          []string
		Demand              trust.Demand
		Level               trust.Level
		Mirrors             map[string]string
		Lists               []string
	}{Trust: o.PolicySHA256, Root: l.RootSHA256, Demand: o.Demand, Level: o.MinLevel, Mirrors: mirrors}
	if o.Roster != nil {
		about.Roster = o.Roster.SHA256
		for _, s := range o.Roster.Owners {
			about.Signers = append(about.Signers, fmt.Sprintf("owner %q %q", s.Name, s.Keys))
		}
	}
	for _, k := range o.Trust.Keys {
		about.Keys = append(about.Keys, k.Key().Hint)
	}
	slices.Sort(about.Keys)
	for _, s := range o.Signers { // the trust file names files, and what is in them says whose name a key has
		about.Signers = append(about.Signers, fmt.Sprintf("%q %q", s.Name, s.Keys))
	}
	for _, r := range o.Identities {
		about.Identities = append(about.Identities, fmt.Sprintf("%q %q %v", r.Issuer, r.Subject, r.Pattern))
	}
	out := policy.Epoch{}
	if o.Deny != nil {
		about.Lists = append(about.Lists, o.Deny.Name)
		out.Deny = o.Deny.Sequence
	}
	raw, err := json.Marshal(about)
	if err != nil {
		return out, fmt.Errorf("hashing the trust: %w", err)
	}
	sum := sha256.Sum256(raw)
	out.Trust = hex.EncodeToString(sum[:])
	return out, nil
}

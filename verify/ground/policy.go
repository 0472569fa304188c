package ground

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// The diagnostics of this package; internal/diag/codes_signedpolicy.go and codes_freshness.go have their pages.
const (
	codeStale    diag.Code = "A0560"
	codeTwoRoles diag.Code = "A0567"
	codeUnsigned diag.Code = "A0653"
)

// PolicyAt says where the policy is, beside what the trust file says.
type PolicyAt struct {
	// At is a file, or the reference of a signed policy; empty: what the trust file says.
	At string
	// Keys or Identities must have signed it; none: the signers with the role policy.
	Keys       []*signing.Verifier
	Identities []trust.IdentityRule
	Minimum    int64
	MaxAge     time.Duration
}

// ReadPolicy reads the policy that is to decide; nil: none is named. A plain file is the verifier's own and needs no signature. Everything
// else is signed (freshness.OpenPolicy), by whom s.Policy names or by whom the trust file gives the role policy (A0653: nobody has it), and not by
// whom o.Deny names.
func (s Setup) ReadPolicy(ctx context.Context, o verify.Options) (*policy.Policy, error) {
	at, d := s.policyAt(o)
	switch {
	case at == "":
		return nil, nil
	case s.ownPolicy():
		return policy.Load(at)
	}
	signed, _, err := s.signedPolicy(ctx, o, at, d)
	if err != nil {
		return nil, err
	}
	return signed.Policy, nil
}

// policyAt says where the policy is, empty: nowhere; and what is demanded of one that is signed.
func (s Setup) policyAt(o verify.Options) (string, freshness.Demand) {
	at, d := s.Policy.At, freshness.Demand{Now: s.Now(), Minimum: s.Policy.Minimum, MaxAge: s.Policy.MaxAge}
	if at == "" && o.PolicyAt != nil {
		at, d.Minimum, d.MaxAge = o.PolicyAt.At, max(d.Minimum, o.PolicyAt.Minimum), o.PolicyAt.MaxAge
	}
	return at, d
}

// ownPolicy says whether the policy is a plain file. The trust file's is always signed.
func (s Setup) ownPolicy() bool {
	return s.Policy.At != "" && (plainFile(s.Policy.At) || meansFile(s.Policy.At))
}

// signedPolicy reads a signed policy. The demand that it had to meet is given with an error, too, if it came so far.
func (s Setup) signedPolicy(ctx context.Context, o verify.Options, at string, d freshness.Demand) (*freshness.SignedPolicy, freshness.Demand, error) {
	if err := s.speakers(o, &d); err != nil {
		return nil, d, err
	}
	if s.Memory != nil {
		var err error
		if d.Memory, err = s.Memory(); err != nil {
			return nil, d, err
		}
	}
	place, err := freshness.OpenPolicyPlace(s.Client, at)
	if err != nil {
		return nil, d, err
	}
	signed, err := freshness.OpenPolicy(ctx, place, d)
	return signed, d, err
}

// speakers says who may have signed the policy.
func (s Setup) speakers(o verify.Options, d *freshness.Demand) error {
	for _, k := range s.Policy.Keys {
		if o.Releases(trust.Party{Key: k.Key()}) {
			return diag.Errorf(codeTwoRoles, "one key for two roles").
				WithWhy("who releases images must not also be who says which images may run").
				WithHelp("selfsame key new --out policy")
		}
	}
	by := Speakers{s.Policy.Keys, s.Policy.Identities}
	switch {
	case by.named():
		if err := by.speak(d, o.Trust.Root, ErrPolicyRootless); err != nil {
			return err
		}
		d.Counts = notReleasing(o, d.Counts)
	case slices.ContainsFunc(o.Signers, func(w trust.Signer) bool { return w.May(trust.Policy) }):
		d.Trust, d.Counts = o.Trust, o.Speaks(trust.Policy)
	default:
		return diag.Errorf(codeUnsigned, "nobody is named who may sign policies").
			WithWhy("whoever may push to the registry could put rules of his own there").
			WithHelp("pass --policy-key policy.pub, or --policy-identity with --policy-issuer, or give a signer of the trust file `roles: [policy]`")
	}
	d.Counts = notDenied(o.Deny, d.Counts)
	return nil
}

// notReleasing is counts without identities that release images: who they are is known only when one has signed.
func notReleasing(o verify.Options, counts freshness.Counts) freshness.Counts {
	return func(by trust.Party, at time.Time, series string) bool {
		return (counts == nil || counts(by, at, series)) && !o.Releases(by)
	}
}

// notDenied is counts without whom the deny list names: who stole a key must not write the rules with it.
func notDenied(l *freshness.DenyList, counts freshness.Counts) freshness.Counts {
	if l == nil {
		return counts
	}
	return func(by trust.Party, at time.Time, series string) bool {
		_, denied := l.Signer(by, at)
		return !denied && (counts == nil || counts(by, at, series))
	}
}

// meansFile says whether somebody who wrote at meant a file that is not there, or is a folder: no policy is published under such a name, and
// to ask for the keys of who signed it would lead astray. policy.Load says what is wrong.
func meansFile(at string) bool {
	info, err := os.Stat(at)
	ext := filepath.Ext(at)
	return err == nil && info.IsDir() || os.IsNotExist(err) && (ext == ".yaml" || ext == ".yml")
}

// plainFile says whether a path is a file that is no signed bundle, which is JSON: then it is a policy itself.
func plainFile(path string) bool {
	f, err := os.Open(path) //nolint:gosec // the user's own
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // nothing was written
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	head, err := io.ReadAll(io.LimitReader(f, 512))
	return err == nil && !bytes.HasPrefix(bytes.TrimSpace(head), []byte("{"))
}

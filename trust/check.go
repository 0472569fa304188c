package trust

import (
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Check is what a reader of the roster should look at, signers being those of the trust file it is used with. An owner who has a key of
// whoever releases is a warning: his findings would be signed by that key, and stock cosign would take them for a release. So is one who
// has a rebuilder's key under another owner: he counts as the roster says. An owner who has a role that excludes an owner's (waiver,
// break-glass) is an error.
func (r Roster) Check(signers []Signer) diag.List {
	out := append(diag.List{}, r.Warnings...)
	for _, o := range r.Owners {
		for _, s := range signers {
			if !shared(s, o) {
				continue
			}
			if role, why, bad := excludes(s, o); bad {
				out = append(out, diag.Errorf(diag.CodeTrustRoles, "the owner `%s` has a key or identity of `%s`, who has the role %s", o.Name, s.Name, role).
					WithAt(diag.Position{File: r.Path}, "").WithWhy(why).
					WithHelp("make another key: `selfsame key new --out "+string(role)+"`"))
			}
			if s.May(Rebuilder) && s.OwnedBy() != o.Name {
				out = append(out, diag.Warnf(diag.CodeTrustShared, "the owner `%s` has a key or identity of `%s`, whose owner is `%s`", o.Name, s.Name, s.OwnedBy()).
					WithAt(diag.Position{File: r.Path}, "").WithWhy("one party is one owner; it counts as the roster names it").
					WithHelp("name the owner alike in both files"))
			}
			if s.May(Release) {
				out = append(out, diag.Warnf(diag.CodeTrustRoles, "the owner `%s` has a key or identity of `%s`, who releases", o.Name, s.Name).
					WithAt(diag.Position{File: r.Path}, "").WithWhy("a rebuild that differed would be signed by the release key; as a rebuilder he is counted as the maker").
					WithHelp("give the owner a key of his own: `selfsame key new --out "+o.Name+"`"))
			}
		}
	}
	return out
}

// Check is what a reader of the file should look at, now being the time: expressions that match more than they seem to, identities
// that nothing can prove, and signers whose time is over or has not begun. They are warnings; what is an error, Load refuses.
func (r Roots) Check(now time.Time) diag.List {
	out := append(diag.List{}, r.Warnings...)
	for _, s := range r.Signers {
		at := diag.Position{File: r.Path}
		if len(s.Identities) > 0 && r.Sigstore == "" {
			out = append(out, diag.Warnf(diag.CodeTrustNobody, "`%s` has identities, and the file names no `sigstore:`", s.Name).WithAt(at, "").
				WithWhy("an identity counts only against the authorities of a trusted root; without one verification is refused").
				WithHelp("add `sigstore: trusted_root.json`, or verify with --trusted-root"))
		}
		switch {
		case !s.Until.IsZero() && !now.Before(s.Until):
			out = append(out, diag.Warnf(diag.CodeTrustWindow, "the time of `%s` ended on %s", s.Name, s.Until.Format(time.RFC3339)).
				WithAt(at, "").WithWhy("nothing that he signs now counts").WithHelp("remove him when nothing old of his is used any more"))
		case now.Before(s.From):
			out = append(out, diag.Warnf(diag.CodeTrustWindow, "the time of `%s` begins on %s", s.Name, s.From.Format(time.RFC3339)).
				WithAt(at, "").WithWhy("nothing that he signs now counts").WithHelp("wait, or set another `from`"))
		}
		if (!s.From.IsZero() || !s.Until.IsZero()) && len(s.Keys) > 0 {
			out = append(out, diag.Warnf(diag.CodeTrustWindow, "`%s` has a window and a plain key", s.Name).WithAt(at, "").
				WithWhy("a signature by a key says nothing of when, so without a timestamp nothing that it signed counts").
				WithHelp("sign with a timestamp, or remove `from` and `until`"))
		}
	}
	return out
}

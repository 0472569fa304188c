//go:build !front

package cli

import (
	"context"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// handOn signs the approval of a result and writes or attaches it. Of anything else nothing is handed on.
func (s summaryFlags) handOn(ctx context.Context, a *app, o verify.Options, epoch policy.Epoch, res verify.Result) error {
	v := s.verdict
	if !v.wanted() {
		return nil
	}
	made, err := res.HandOn(s.about(), epoch, v.life)
	if err != nil {
		return err
	}
	store, ok := o.Source.(artifact.Store)
	if v.attach && !ok {
		return usage("--attach-verdict: nothing can be attached where the evidence is; write a file with --verdict")
	}
	signer, err := a.openSigner(ctx, s.key, s.sign, trust.Verifier)
	if err != nil {
		return err
	}
	by, err := signer.Who(ctx)
	if err == nil {
		err = s.apart(o, by)
	}
	if err != nil {
		return err
	}
	// Each stays beside the image when it is over, and is read by whoever verifies that: a timer must not add one at every turn. Nor is one
	// signed that is not wanted, since a log keeps that.
	h, stands := res.Standing(made, epoch, func(name string) bool { return speaksAs(o, name, by) })
	if stands && v.attach {
		a.notice("no verdict is attached: one that says the same counts until %s", h.NotAfter.Format(time.RFC3339))
		if v.path == "" {
			return nil
		}
	}
	bundle, err := signing.Sign(ctx, signer, made.Payload)
	if err != nil {
		return err
	}
	if by, err = signer.By(bundle); err == nil { // whom the certificate names that was used, now that it is checked
		err = s.apart(o, by)
	}
	if err != nil {
		return err
	}
	if v.path != "" {
		if err := atomicfile.Write(v.path, bundle, 0o644); err != nil {
			return err
		}
	}
	if v.attach && !stands {
		stored, err := store.Attach(ctx, made.Subject, artifact.Bundle(signing.BundleMediaType, bundle, made.PredicateType))
		if err != nil {
			return err
		}
		a.notice("the verdict is attached as %s", stored[0].Digest)
	}
	return nil
}

// speaksAs says whether a name is that of a verifier of the trust file who is that party.
func speaksAs(o verify.Options, name string, by trust.Party) bool {
	return slices.ContainsFunc(o.Signers, func(w trust.Signer) bool { return w.Name == name && w.May(trust.Verifier) && w.Is(by) })
}

// apart refuses a verdict by somebody who releases images. Whom a token names is known for sure only from the certificate.
func (s summaryFlags) apart(o verify.Options, by trust.Party) error {
	switch {
	case !o.Releases(by):
		return nil
	case s.sign.on:
		return usage("the identity token is that of %s, who releases images; who says that they pass needs an identity of his own", by)
	}
	return usage("--sign-with is a key that releases images; who says that they pass needs a key of its own: `selfsame key new --out verifier`")
}

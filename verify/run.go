package verify

import (
	"context"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Run verifies the image o.Digest. Everything that the evidence proves or fails to prove is in the Result, and Result.Err
// turns it into an exit code; Run's own error says that verification did not take place: bad options (A0530), the image could
// not be read (A0534, or what the source said), somebody who signed is two entries that must not be one (A0607, A0610), or ctx ended.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	o.Budget = o.Budget.withDefaults()
	if res, denied := deniedAtOnce(o); denied {
		return res, nil
	}
	outer := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, o.Budget.Time, fmt.Errorf("reading took longer than %s", o.Budget.Time))
	o.Budget.Listing.Slots = make(artifact.Slots, requests)
	evidence := readAhead(ctx, o)
	defer evidence.running.Wait()
	defer cancel()
	images, err := readImages(ctx, o)
	if err != nil {
		return Result{}, unreadable(outer, ctx, err)
	}
	evidence.images = images
	j := newJudge(o)
	res := newResult(o)
	seen := seenEvidence{present: Present{}}
	for i, img := range images {
		found, err := evidence.next(i)
		if err != nil {
			if res, denied := deniedAmong(o, images, res.Subjects); denied {
				return res, nil
			}
			return Result{}, unreadable(outer, ctx, err)
		}
		if found.ambiguous != nil {
			return Result{}, found.ambiguous
		}
		res.Subjects = append(res.Subjects, j.judge(img, &found))
		res.Ignored = append(res.Ignored, found.ignored...)
		res.NotRead += found.notRead
		if found.unanswered != nil {
			res.unanswered = found.unanswered
		}
		seen.add(img, found)
	}
	j.index(ctx, &res, seen)
	res.Name, res.origins = j.name, j.origins
	res.Evidence, res.Rebuilders = j.evidence, together(j.owners)
	res.Level = int(j.leastLevel(images))
	res.Reproduced, res.Axes, res.Independence = j.strength(len(images))
	res.describe(o, images[0].desc, together(j.platforms))
	res.conclude()
	if o.Facts {
		res.facts = j.facts(&res, images)
	}
	return res, nil
}

func (o Options) check() error {
	switch {
	case o.Source == nil:
		return fmt.Errorf("verifying: no source given")
	case o.Digest.Validate() != nil || o.Digest.Algorithm() != "sha256":
		return fmt.Errorf("verifying: %q is no sha256 digest", o.Digest)
	case o.twoRoles():
		return diag.Errorf(codeTwoRoles, "one key for two roles").
			WithWhy("who releases images must not also be who takes them back or says which statements exist").
			WithHelp("selfsame key new --out revoker")
	case o.DenyAt != nil && o.Deny == nil:
		return fmt.Errorf("verifying: the trust file names a deny list, and none was opened")
	case o.IndexAt != nil && o.Index == nil:
		return fmt.Errorf("verifying: the trust file names a release index, and none is demanded")
	case o.rootless() != "":
		return diag.Errorf(codeNoKey, "identities of `%s` count, and there is no trusted root", o.rootless()).
			WithWhy("a certificate proves who somebody is only against the authorities of a root: what they signed, for or against the image, would go unread").
			WithHelp("pass --trusted-root trusted_root.json, or name it in the trust file: sigstore: trusted_root.json")
	case len(o.Trust.Keys) == 0 && (o.Trust.Root == nil || len(o.Identities)+len(o.Signers) == 0):
		return diag.Errorf(codeNoKey, "no key to verify with").
			WithWhy("without a key every signature would do").
			WithHelp("pass the signer's public key: --key selfsame.pub")
	}
	return nil
}

// rootless names an entry with identities where nothing can prove one; empty: there is none.
func (o Options) rootless() string {
	if o.Trust.Root != nil || o.checkBundle != nil {
		return ""
	}
	for _, e := range o.entries() {
		if len(e.Identities) > 0 {
			return e.Name
		}
	}
	if o.Layout.byIdentity() {
		return "the layout"
	}
	return ""
}

// unreadable keeps a diagnostic of the source and an interruption as they are; anything else could not be decided.
func unreadable(outer, bounded context.Context, err error) error {
	switch {
	case outer.Err() != nil:
		return context.Cause(outer)
	case bounded.Err() != nil:
		err = context.Cause(bounded) // the budget of time is used up
	}
	if len(diag.All(err)) > 0 {
		return err
	}
	return diag.Errorf(codeUndecided, "%w", err).
		WithWhy("the image or its evidence could not be read, so nothing is proven").
		WithHelp("try again; this says nothing about the image")
}

// Package rebuild is the auditor: it repeats a build that somebody else has published, from the registry alone, and says whether the
// same image came out.
//
// Audit (audit.go) reads as the table of contents: verify the evidence, and build nothing before it holds; restore recipe, source and
// inputs from the seal; build in a place that is thrown away (sandbox.go); compare (level.go); and only when the builder is gone open a
// key and sign what was found (state.go). A match is signed by a rebuilder, a difference by a key for findings, never by one for the
// other. An image that another tool built is reported on and not built (foreign.go).
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// Options of one audit.
type Options struct {
	// Reference is the image: a digest, or a tag that is resolved once.
	Reference string
	// Release is who must have signed the evidence; without anybody nothing is audited.
	Release signing.Trust
	// Identities are those that count as a key does, of all that Release.Root vouches for.
	Identities []trust.IdentityRule
	// Signers are what those may say, as a trust file has it; nil: each key, and each of Identities, may release.
	Signers []trust.Signer
	// Ground reads anew, for each audit, what may have changed since the last: it sets the deny list that is asked before anything else, whose
	// signer must not be who releases, and who counts (Trust, Identities, Signers; Release and its like until then). nil: nothing changes, and no
	// list is asked.
	Ground func(context.Context, *verify.Options) error
	// Name is the repository that the evidence must name; empty: Reference's own.
	Name string
	// Twice builds on both twins instead of one builder.
	Twice bool
	// Bases is a folder for the Debian bases that audits make, where later ones find them; empty: each audit makes its own.
	Bases string
	// Refetch asks upstream for every input again; Private are the hosts on private networks that this may reach.
	Refetch bool
	Private []string
	// Level is the equality that counts as a match; empty: LevelManifest.
	Level provenance.Level
	// RebuilderID is the auditor's builder.id; empty: provenance.BuilderID(ModeAudit).
	RebuilderID string
	// Independence is what the auditor claims; empty: same-host.
	Independence provenance.Independence
	// Challenge is the nonce that the auditor was given; empty: none.
	Challenge string
	// DiskBytes bounds the sealed inputs, and what the builder may write; Timeout the time from evidence to comparison.
	DiskBytes int64
	Timeout   time.Duration
	// Rebuilder and Finder give the keys for a match and for a difference. They are called when no builder is left; nil: not signed.
	Rebuilder, Finder func() (*signing.Signer, error)
	// Push attaches what is signed to the image; otherwise it is written to Out.
	Push bool
	// Out is a folder for statements or bundles, and for the rebuilt image where it differs.
	Out string
	// Unchanged says that a result needs no statement, because there is one already; nil: each has one.
	Unchanged func(*Result) bool
}

// Auditor is what audits need from outside.
type Auditor struct {
	Registry *registry.Client
	Now      func() time.Time
	// Sandbox makes the place for one audit.
	Sandbox func(ctx context.Context) (*Sandbox, error)
	Notice  func(format string, args ...any)
}

// Audit audits one image. Everything that was found is in the Result, whose Err carries the exit code; Audit's own error says that the
// audit did not come to a result.
func (a *Auditor) Audit(ctx context.Context, o Options) (*Result, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	got, err := a.Registry.Resolve(ctx, o.Reference)
	if err != nil {
		return nil, err
	}
	if got.Parsed.Index == nil {
		return nil, diag.Errorf("A0316", "`%s` is the image of one platform", got.Pinned()).
			WithWhy("what is built again is the whole index that its evidence is of").WithHelp("audit the index that it belongs to")
	}
	res := &Result{SchemaVersion: SchemaVersion, Reference: o.Reference, Digest: got.Descriptor.Digest, Claimed: o.Independence, Statements: []Statement{}}
	if got.Tag != "" {
		a.Notice("%s is %s", o.Reference, got.Pinned())
	}
	found, err := a.inTime(ctx, &o, got, res)
	if err != nil {
		return nil, err
	}
	if o.Unchanged != nil && o.Unchanged(res) {
		res.NotSigned = "nothing has changed since the last audit"
		return res, nil
	}
	// No builder is left, and the sandbox is gone. Only now is a key opened.
	return res, a.state(ctx, o, got, found, res)
}

// inTime is the part of an audit that o.Timeout bounds. When its time is over that is the reason, whatever layer noticed it in whatever words.
func (a *Auditor) inTime(ctx context.Context, o *Options, got registry.Resolved, res *Result) (verify.Origin, error) {
	limited, cancel := context.WithTimeoutCause(ctx, o.Timeout, outOfTime(o.Timeout))
	defer cancel()
	found, err := a.evidence(limited, o, got, res)
	if err == nil {
		err = a.rebuild(limited, *o, got, found, res)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = context.Cause(limited)
	}
	return found, err
}

func (o Options) withDefaults() Options {
	if o.Level == "" {
		o.Level = provenance.LevelManifest
	}
	if o.RebuilderID == "" {
		o.RebuilderID = provenance.BuilderID(provenance.ModeAudit)
	}
	if o.Independence == "" {
		o.Independence = provenance.SameHost
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Hour
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = 40 << 30
	}
	return o
}

func (o Options) check() error {
	if o.Signers != nil && len(o.releasers()) == 0 {
		return diag.Errorf("A0801", "nobody in the trust file may release an image").
			WithWhy("an audit runs what the evidence describes, and by that file nobody's evidence counts").WithHelp("give who does the role `release`")
	}
	if o.Signers == nil && len(o.Release.Keys) == 0 && (o.Release.Root == nil || len(o.Identities) == 0) {
		return diag.Errorf("A0801", "whose evidence is to be believed?").
			WithWhy("an audit runs what the evidence describes: without a key or an identity anybody who can write to the repository decides what runs here").
			WithHelp("give the public key of whoever released the image: --release-key release.pub; or a trust file in which somebody may `release`: --trust trust.yaml; " +
				"or, with --trusted-root, --certificate-identity")
	}
	if o.Challenge != "" {
		if err := provenance.CheckNonce(o.Challenge); err != nil {
			return diag.Errorf("A0316", "the challenge: %w", err).WithHelp("use what the roster's owner gave you")
		}
	}
	switch o.Independence {
	case provenance.SameHost, provenance.OtherHost, provenance.OtherOwner:
	default:
		return diag.Errorf("A0316", "there is no independence `%s`", o.Independence).WithHelp("same-host, other-host or other-owner")
	}
	if levelRank(o.Level) == 0 {
		return diag.Errorf("A0316", "there is no level `%s`", o.Level).WithHelp("manifest, config or diffIDs")
	}
	return nil
}

func outOfTime(d time.Duration) error {
	return diag.Errorf("A0805", "the audit took more than %s", d).WithHelp("allow more: --timeout 6h")
}

// evidence verifies what the image says of itself. Whether it was reproduced is the question here, not a condition. Who counts is in o from then on.
func (a *Auditor) evidence(ctx context.Context, o *Options, got registry.Resolved, res *Result) (verify.Origin, error) {
	name := o.Name
	if name == "" {
		name = got.Repository.Name()
	}
	asked := verify.Options{
		Reference: o.Reference, Source: got.Repository, Digest: got.Descriptor.Digest, Trust: o.Release,
		Identities: o.Identities, Signers: o.Signers, ExpectName: name, Now: a.Now(), AllowUnreproduced: true,
	}
	if o.Ground != nil { // as it is now: a watch goes on for months, and what is taken back meanwhile is not to run
		if err := o.Ground(ctx, &asked); err != nil {
			return verify.Origin{}, err
		}
		o.Release, o.Identities, o.Signers = asked.Trust, asked.Identities, asked.Signers
		if err := o.check(); err != nil {
			return verify.Origin{}, err
		}
	}
	v, err := verify.Run(ctx, asked)
	if err != nil {
		return verify.Origin{}, err
	}
	if v.Verdict != verify.VerdictVerified && v.Verdict != verify.VerdictNotReproduced { // a veto is one more reason to look
		return verify.Origin{}, v.Err()
	}
	found, ok := v.Origin(got.Descriptor.Digest)
	if !ok {
		return found, diag.Errorf("A0531", "`%s` has no provenance that holds", got.Pinned())
	}
	res.Name = found.Name
	res.Evidence = Evidence{Verdict: v.Verdict, Summary: v.Summary, SignedBy: found.By.String(), Provenance: found.Payload}
	return found, nil
}

// rebuild builds in a sandbox, and compares there.
func (a *Auditor) rebuild(ctx context.Context, o Options, got registry.Resolved, found verify.Origin, res *Result) (err error) {
	box, err := a.Sandbox(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(ctx)) }()
	ctx, ended := box.bound(ctx, o.DiskBytes, measurePause, a.Now)
	defer func() { err = ended(err) }()
	h := box.Host
	if err := o.distance(h.Machine, found.Provenance); err != nil {
		return err
	}
	bases, letGoBases, err := a.bases(ctx, o)
	if err != nil {
		return err
	}
	defer letGoBases()
	how := builder.RepeatOptions{Dir: box.Images, Twice: o.Twice, Stages: o.Challenge != "", RootBytes: o.DiskBytes, Bases: bases}
	letGo := func() {}
	defer func() { letGo() }()
	r, err := h.Restore(ctx, builder.Published{Repository: got.Repository, Index: res.Digest, Provenance: found.Provenance}, o.DiskBytes,
		func() { letGo = h.StartBuilders(ctx, how) }) // empty ones: what they build comes when all of it is here
	if err != nil {
		return err
	}
	if err := a.refetch(ctx, o, h, r, res); err != nil {
		return err
	}
	letGo()
	rep, err := h.Repeat(ctx, r, how)
	if err != nil {
		return err
	}
	// What built it is not needed any more, and must not be there when a key is.
	if err := box.EndBuilders(ctx); err != nil {
		return err
	}
	res.take(rep, found.Provenance)
	if err := a.compare(ctx, o, got, box, rep, res); err != nil {
		return err
	}
	if o.Challenge != "" {
		res.answer(o, rep.Stages)
		if err := a.peers(ctx, got, rep.Stages, res); err != nil {
			return err
		}
	}
	return a.keep(o, rep, res)
}

// bases opens those of earlier audits, where they are to be kept. What goes wrong when they are let go costs no audit its result.
func (a *Auditor) bases(ctx context.Context, o Options) (kept *builder.KeptBases, letGo func(), err error) {
	if o.Bases == "" {
		return nil, func() {}, nil
	}
	if kept, err = builder.OpenKeptBases(o.Bases); err != nil {
		return nil, nil, err
	}
	return kept, func() {
		if err := kept.Close(ctx); err != nil {
			a.Notice("the bases of earlier audits: %v", err)
		}
	}, nil
}

// refetch asks upstream again, where that was wanted.
func (a *Auditor) refetch(ctx context.Context, o Options, h *builder.Host, r *builder.Restored, res *Result) error {
	res.Inputs, res.Locked = provenance.InputsSeal, r.Counts()
	if !o.Refetch {
		return nil
	}
	a.Notice("asking upstream for %d inputs again", res.Locked.Total)
	counts, gone, err := h.Refetch(ctx, r, o.Private)
	if err != nil {
		return err
	}
	res.Locked = counts
	if len(gone) == 0 {
		res.Inputs = provenance.InputsRefetched
	}
	for _, g := range gone {
		res.Gone = append(res.Gone, Gone{clip(g.Key), g.Changed, clip(g.Reason)})
	}
	return nil
}

// clip is a stranger's text on one short line.
func clip(s string) string {
	s = diag.Printable(strings.ReplaceAll(s, "\n", " "))
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + "..."
	}
	return s
}

// keep puts the rebuilt image where somebody can look at it, if there is a reason to.
func (a *Auditor) keep(o Options, rep *builder.Repetition, res *Result) error {
	if res.Verdict == Reproduced || o.Out == "" {
		return nil
	}
	to := filepath.Join(o.Out, "rebuilt")
	if err := replaceFolder(rep.Dir, to); err != nil {
		return fmt.Errorf("keeping the rebuilt image: %w", err)
	}
	res.Rebuilt.Folder = to
	return nil
}

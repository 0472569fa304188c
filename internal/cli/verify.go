package cli

import (
	"context"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

type verifyFlags struct {
	keys    []string
	name    string
	builder string
	source  string
	allow   bool
	trust   trustFlags
	layout  string
	owners  []string
	fresh   freshFlags
	many    manyFlags
	who     identityFlags
	policy  policyFlags
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use: "verify REF|LAYOUT... {--key KEY.pub | --certificate-identity WHO | --trust FILE}", GroupID: "trust", Short: "Check an image's evidence: who built it, from what, and whether two builds agreed",
		Long: `Verify the evidence of an image in a registry (REF) or in an OCI layout on disk (LAYOUT): signatures, subjects, predicates, name,
builder, and whether the image was reproduced. A tag is resolved once and verified by digest. Exit 0 only if everything that was
asked for is proven.

Evidence counts if it was signed by a --key, or by a --certificate-identity under a certificate that --trusted-root vouches for. Both may
be given, each several times. With --trusted-root, timestamps and log entries beside a key's signature prove when it was made. A trust file
(--trust) says who may sign what, where and until when. --rebuilders counts owners of a roster, not keys or statements.

With --policy the rules of a policy decide: each is shown with its reason, and the exit code is the policy's. What no rule can override (the
deny list, a rebuild that differed) keeps its own exit code. A trust file may name the policy, too. An approval can be signed and handed on
to gates that do not have all of the evidence (--verdict, --attach-verdict); they accept it only with --accept-verdicts.

With --deny-list, a signed list of what was taken back is asked before anything else. With --release-index-key, everything that a signed
index lists must still be there.

Several images may be named, or listed in a file, one a line. Each verdict is then one line, as text or JSON, and the exit code is that of
the worst.`,
		Example: "  selfsame verify selfsame-out/image --key release.pub\n  selfsame verify registry.example.com/team/shop:v1 --key release.pub\n" +
			"  selfsame verify registry.example.com/team/shop:v1 --trusted-root trusted_root.json --certificate-identity release@example.com --certificate-oidc-issuer https://login.example.com\n" +
			"  selfsame verify --from-file images.txt --key release.pub --json\n" +
			"  selfsame verify registry.example.com/team/shop:v1 --trust trust.yaml --roster roster.yaml --rebuilders 2\n" +
			"  selfsame verify registry.example.com/team/shop:v1 --trust trust.yaml --policy registry.example.com/ops/policy\n" +
			"  selfsame verify registry.example.com/team/shop:v1 --trust trust.yaml --policy policy.yaml --attach-verdict --verdict-life 6h --sign-with verifier.key",
		RunE: func(cmd *cobra.Command, args []string) error { return a.runVerify(cmd.Context(), args, f) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.keys, "key", nil, "public key that must have signed the evidence: a file, pkcs11:... or NAME://...#sha256=...")
	f.who.register(fl)
	fl.StringVar(&f.name, "name", "", "repository that the evidence must name (default: REF's; for a layout: whatever it names)")
	fl.StringVar(&f.builder, "builder", "", "builder id that must have built the image")
	fl.StringVar(&f.source, "source", "", "source that the image must come from")
	f.trust.add(cmd)
	fl.BoolVar(&f.allow, "allow-unreproduced", false, "accept an image that is signed but was not reproduced")
	fl.StringVar(&f.layout, "layout", "", "in-toto layout that says how the image must have been made: each step's link must be signed by its functionaries")
	fl.StringSliceVar(&f.owners, "layout-key", nil, "public key of the layout's owner; with several, each must have signed it")
	f.fresh.register(fl)
	f.policy.register(fl)
	f.many.register(fl)
	return cmd
}

func (a *app) runVerify(ctx context.Context, args []string, f verifyFlags) error {
	f.trust.summary.sign.settle(f.who.root)
	if err := f.named(); err != nil {
		return err
	}
	if err := f.many.check(args); err != nil {
		return err
	}
	c := a.registry(f.many.client())
	o, by, err := a.ground(ctx, c, f)
	if err != nil {
		return err
	}
	refs, err := f.many.references(args, a.In)
	if err != nil {
		return err
	}
	if f.many.file != "" || len(refs) > 1 {
		if err := f.trust.forOne(); err != nil {
			return err
		}
		return a.verifyMany(ctx, c, refs, o, by, f.many.jobs)
	}
	o.Reference = refs[0]
	if err := f.trust.open(ctx, c, refs[0], &o); err != nil {
		return err
	}
	res, err := verify.Run(ctx, o)
	if err != nil {
		return err
	}
	by.decide(ctx, &res)
	if shown := a.showVerdict(res); shown != nil {
		if f.trust.summary.verdict.wanted() {
			a.notice("no verdict is handed on: this one is %s", res.Verdict)
		}
		if err := f.trust.summary.write(ctx, a, o, res); err != nil {
			a.notice("no summary is written: %v", err)
		}
		return shown // the verdict decides the exit code
	}
	if err := f.trust.summary.handOn(ctx, a, o, by.epoch, res); err != nil {
		return err
	}
	return f.trust.summary.write(ctx, a, o, res)
}

// ground makes ready what images are verified by.
func (a *app) ground(ctx context.Context, c *registry.Client, f verifyFlags) (o verify.Options, by decider, err error) {
	base := verify.Options{ExpectName: f.name, ExpectBuilder: f.builder, ExpectSource: f.source, AllowUnreproduced: f.allow}
	if front && f.policy.at != "" {
		return base, by, errWhole
	}
	s, err := f.trust.setup()
	if err != nil {
		return base, by, err
	}
	s.Client, s.Memory = c, func() (*freshness.Memory, error) {
		m, err := a.memory(f.fresh.stateless)
		if m != nil {
			m.ReadOnly = f.fresh.rehearsal
		}
		return m, err
	}
	if s.Root, s.Identities, err = f.who.load(); err != nil { // before anything is asked or read, see errWhole
		return base, by, err
	}
	if s.Keys, err = a.verifiers(ctx, f.keys); err != nil {
		return base, by, err
	}
	if base.Layout, err = a.openLayout(ctx, f.layout, f.owners); err != nil {
		return base, by, err
	}
	if s.Lists, err = a.lists(ctx, f.fresh); err != nil {
		return base, by, err
	}
	if s.Policy, err = a.policyPlace(ctx, f.policy); err != nil {
		return base, by, err
	}
	l, err := a.load(ctx, s, base)
	if o = l.Options; err != nil {
		return o, by, err
	}
	if f.policy.none {
		return o, by, nil
	}
	if by, err = a.decider(ctx, s, o, f.policy); err != nil {
		return o, by, err
	}
	if by.policy == nil {
		if v := f.trust.summary.verdict; v.wanted() || v.accept {
			err = usage("--verdict, --attach-verdict and --accept-verdicts are about a policy's verdict: name one with --policy, or in the trust file")
		}
		return o, by, err
	}
	o.Facts, o.Verdicts = true, f.trust.summary.verdict.accept
	if by.epoch, err = l.Epoch(nil); err != nil {
		return o, by, err
	}
	return o, by, f.policyAlone()
}

// verifyOne finds the image and verifies it.
func verifyOne(ctx context.Context, c *registry.Client, ref string, o verify.Options) (verify.Result, error) {
	o.Reference = ref
	if err := subjectAt(ctx, c, ref, &o); err != nil {
		return verify.Result{}, err
	}
	return verify.Run(ctx, o)
}

// resolved is a repository that need not be asked a second time for what a reference led to. What reads it hashes it again.
type resolved struct {
	*registry.Repository
	got registry.Resolved
}

// Manifest gives what is known already, or asks.
func (r resolved) Manifest(ctx context.Context, d digest.Digest) (artifact.Descriptor, []byte, error) {
	if d == r.got.Descriptor.Digest {
		return r.got.Descriptor, r.got.Raw, nil
	}
	return r.Repository.Manifest(ctx, d)
}

// subjectAt finds image and evidence where ref says: in a layout on disk, or in a registry. A tag is resolved, once; a digest says enough for
// verify to ask for the image and its evidence at the same time.
func subjectAt(ctx context.Context, c *registry.Client, ref string, o *verify.Options) error {
	l, root, err := onDisk(ctx, ref)
	if err != nil {
		return err
	}
	if l != nil {
		o.Source, o.Digest = l, digestOf(root)
		return nil
	}
	repo, d, err := c.Locate(ref)
	if err != nil {
		return err
	}
	if o.Source, o.Digest = repo, d; d == "" {
		got, err := c.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		o.Source, o.Digest = resolved{repo, got}, digestOf(got.Descriptor)
	}
	if o.ExpectName == "" {
		o.ExpectName = repo.Name()
	}
	return nil
}

// verifiers opens public keys.
func (a *app) verifiers(ctx context.Context, names []string) ([]*signing.Verifier, error) {
	var out []*signing.Verifier
	for _, name := range names {
		v, err := signing.OpenVerifier(ctx, name, a.keyOptions(""))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (a *app) showVerdict(res verify.Result) error {
	if a.global.json {
		data, err := res.JSON()
		if err != nil {
			return err
		}
		if _, err := a.Out.Write(data); err != nil {
			return err
		}
	} else if err := res.Text(a.Out); err != nil {
		return err
	}
	if res.ExitCode != 0 {
		return shownError(res.ExitCode)
	}
	return nil
}

// digestOf is a descriptor's digest in the form that the rest of the program uses.
func digestOf(d artifact.Descriptor) digest.Digest { return digest.Digest(d.Digest.String()) }

package cli

import (
	"context"
	"os"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

type verifyFlags struct {
	keys    []string
	name    string
	builder string
	source  string
	allow   bool
	fresh   freshFlags
	many    manyFlags
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use: "verify REF|LAYOUT... --key KEY.pub", GroupID: "trust", Short: "Check an image's evidence: who built it, from what, and whether twice the same",
		Long: `Verify the evidence of an image in a registry (REF) or in an OCI layout on disk (LAYOUT): signatures, subjects, predicates, name,
builder, and whether the image was reproduced. A tag is resolved once and verified by digest. Exit 0 only if everything that was
asked for is proven.

With --deny-list a signed list of what was taken back is asked before anything else. With --release-index-key everything that a signed
index lists must still be there.

Several images may be named, or listed in a file, one a line. Each verdict is then one line, as text or JSON, and the exit code is that of
the worst.`,
		Example: "  selfsame verify selfsame-out/image --key release.pub\n  selfsame verify registry.example.com/team/shop:v1 --key release.pub\n" +
			"  selfsame verify --from-file images.txt --key release.pub --json",
		RunE: func(cmd *cobra.Command, args []string) error { return a.runVerify(cmd.Context(), args, f) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.keys, "key", nil, "public key that must have signed the evidence")
	fl.StringVar(&f.name, "name", "", "repository that the evidence must name (default: REF's; for a layout: whatever it names)")
	fl.StringVar(&f.builder, "builder", "", "builder id that must have built the image")
	fl.StringVar(&f.source, "source", "", "source that the image must come from")
	fl.BoolVar(&f.allow, "allow-unreproduced", false, "accept an image that is signed but was not reproduced")
	f.fresh.register(fl)
	f.many.register(fl)
	return cmd
}

func (a *app) runVerify(ctx context.Context, args []string, f verifyFlags) error {
	if len(f.keys) == 0 {
		return usage("`verify` needs --key: without one, anyone's word would do")
	}
	refs, err := f.many.references(args, a.In)
	if err != nil {
		return err
	}
	o := verify.Options{ExpectName: f.name, ExpectBuilder: f.builder, ExpectSource: f.source, AllowUnreproduced: f.allow}
	if o.Trust.Keys, err = verifiers(f.keys); err != nil {
		return err
	}
	c := registry.New(f.many.client())
	if err := a.freshness(ctx, c, f.fresh, &o); err != nil {
		return err
	}
	if f.many.file != "" || len(refs) > 1 {
		return a.verifyMany(ctx, c, refs, o, f.many.jobs)
	}
	res, err := verifyOne(ctx, c, refs[0], o)
	if err != nil {
		return err
	}
	return a.showVerdict(res)
}

// verifyOne finds the image and verifies it.
func verifyOne(ctx context.Context, c *registry.Client, ref string, o verify.Options) (verify.Result, error) {
	o.Reference = ref
	if st, err := os.Stat(ref); err == nil && st.IsDir() {
		l, err := layout.Open(ref)
		if err != nil {
			return verify.Result{}, err
		}
		root, err := l.Root(ctx)
		if err != nil {
			return verify.Result{}, err
		}
		o.Source, o.Digest = l, digestOf(root)
		return verify.Run(ctx, o)
	}
	got, err := c.Resolve(ctx, ref)
	if err != nil {
		return verify.Result{}, err
	}
	o.Source, o.Digest = resolved{got.Repository, got}, digestOf(got.Descriptor)
	if o.ExpectName == "" {
		o.ExpectName = got.Repository.Name()
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

// verifiers loads public keys.
func verifiers(paths []string) ([]*signing.Verifier, error) {
	var out []*signing.Verifier
	for _, path := range paths {
		data, err := os.ReadFile(path) //nolint:gosec // the user's own file
		if err != nil {
			return nil, usage("reading the key: %v", err)
		}
		v, err := signing.LoadVerifier(data)
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
		return shownError{res.ExitCode}
	}
	return nil
}

// digestOf is a descriptor's digest in the form that the rest of the program uses.
func digestOf(d artifact.Descriptor) digest.Digest { return digest.Digest(d.Digest.String()) }

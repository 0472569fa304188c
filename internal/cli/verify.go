package cli

import (
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
	who     identityFlags
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use: "verify REF|LAYOUT [--key KEY.pub] [--certificate-identity WHO]", GroupID: "trust", Short: "Check an image's evidence: who built it, from what, and whether twice the same",
		Long: `Verify the evidence of an image in a registry (REF) or in an OCI layout on disk (LAYOUT): signatures, subjects, predicates, name,
builder, and whether the image was reproduced. A tag is resolved once and verified by digest. Exit 0 only if everything that was
asked for is proven.

Evidence counts that a --key signed, or a --certificate-identity under a certificate that holds against --trusted-root. Both may be
given, and each several times. With --trusted-root, timestamps and log entries beside a key's signature say when it was made.`,
		Example: "  selfsame verify selfsame-out/image --key release.pub\n  selfsame verify registry.example.com/team/shop:v1 --key release.pub\n" +
			"  selfsame verify registry.example.com/team/shop:v1 --trusted-root trusted_root.json --certificate-identity release@example.com --certificate-oidc-issuer https://login.example.com",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runVerify(cmd, args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.keys, "key", nil, "public key that must have signed the evidence")
	f.who.register(fl)
	fl.StringVar(&f.name, "name", "", "repository that the evidence must name (default: REF's; for a layout: whatever it names)")
	fl.StringVar(&f.builder, "builder", "", "builder id that must have built the image")
	fl.StringVar(&f.source, "source", "", "source that the image must come from")
	fl.BoolVar(&f.allow, "allow-unreproduced", false, "accept an image that is signed but was not reproduced")
	return cmd
}

func (a *app) runVerify(cmd *cobra.Command, ref string, f verifyFlags) error {
	ctx := cmd.Context()
	if len(f.keys)+len(f.who.subjects)+len(f.who.patterns) == 0 {
		return usage("`verify` needs --key or --certificate-identity: without one, anyone's word would do")
	}
	o := verify.Options{Reference: ref, ExpectName: f.name, ExpectBuilder: f.builder, ExpectSource: f.source, AllowUnreproduced: f.allow}
	var err error
	if o.Trust.Keys, err = verifiers(f.keys); err != nil {
		return err
	}
	if o.Trust.Root, o.Identities, err = f.who.load(); err != nil {
		return err
	}
	if st, err := os.Stat(ref); err == nil && st.IsDir() {
		l, err := layout.Open(ref)
		if err != nil {
			return err
		}
		root, err := l.Root(ctx)
		if err != nil {
			return err
		}
		o.Source = l
		o.Digest = digestOf(root)
	} else {
		c := registry.New(registry.Options{})
		got, err := c.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		o.Source, o.Digest = got.Repository, digestOf(got.Descriptor)
		if o.ExpectName == "" {
			o.ExpectName = got.Repository.Name()
		}
	}
	res, err := verify.Run(ctx, o)
	if err != nil {
		return err
	}
	return a.showVerdict(res)
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

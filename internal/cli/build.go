//go:build !front

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/trust"
)

// DefaultOut is where a build puts its results.
const DefaultOut = "selfsame-out"

func (a *app) buildCommand() *cobra.Command {
	var o builder.Options
	var key, push, listen, reportDir string
	var unsigned bool
	var fromKeys []string
	links := buildLinks()
	var keyless keylessFlags
	cmd := &cobra.Command{
		Use: "build [RECIPE]", GroupID: "build", Short: "Build twice from sealed inputs, compare, sign, publish",
		Long: `Build the image that RECIPE declares (a file, or a folder with recipe.yaml; the current folder when left out) twice, in two
unlike builders that reach the locked inputs and nothing else. If both come out the same bit for bit, the image and its evidence
are written to OUT/image (an OCI layout) and, with --push, to a registry. If not, both results are kept and the command says
where they differ (exit 13).`,
		Example: "  selfsame build\n  selfsame build examples/go-service --key release.key --push=registry.example.com/team/shop:v1\n" +
			"  selfsame build --keyless --signing-config signing_config.json --trusted-root trusted_root.json --push=registry.example.com/team/shop:v1",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Recipe = recipeArg(args)
			if o.From != "" && len(args) > 0 {
				return usage("--from repeats a published build and reads no recipe, so `%s` would be ignored", args[0])
			}
			if o.Push = push; cmd.Flags().Changed("push") && push == "" {
				return usage("`--push=` names no repository")
			}
			var err error
			if o.FromKeys, err = a.verifiers(cmd.Context(), fromKeys); err != nil {
				return err
			}
			a.inputsListen, a.report = listen, reportDir
			return a.runBuild(cmd, o, key, keyless, unsigned, links)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Out, "out", DefaultOut, "folder for the results")
	reportFlag(f, &reportDir)
	f.StringSliceVar(&o.Platforms, "platform", nil, "build only these of the recipe's platforms")
	f.BoolVar(&o.NoCache, "no-cache", false, "run every step, whatever the builders remember")
	f.BoolVar(&o.Offline, "offline", false, "fetch nothing, not even locked bytes that the store lacks")
	f.StringVar(&push, "push", "", "push to this repository, or with no value to the recipe's output.image")
	f.Lookup("push").NoOptDefVal = builder.PushDefault
	f.StringVar(&o.BuilderA, "builder-a", "", "address of a BuildKit daemon to use as builder A (unix://, ssh:// or tcp://); it needs --proxy-network and the network.host entitlement")
	f.StringVar(&o.BuilderB, "builder-b", "", "the same for builder B")
	f.StringVar(&o.BuilderTLS.CA, "builder-tls-ca", "", "certificates that vouch for builders at tcp://")
	f.StringVar(&o.BuilderTLS.Cert, "builder-tls-cert", "", "our certificate for builders at tcp://")
	f.StringVar(&o.BuilderTLS.Key, "builder-tls-key", "", "the key of --builder-tls-cert")
	f.StringVar(&listen, "inputs-listen", "", "this machine's address (HOST or HOST:PORT) as builders at tcp:// see it; the steps' inputs come from there, in the clear")
	f.StringVar(&o.Seal, "seal", "none", "push the sealed inputs too: a repository, same or none; they hold the source and all that was fetched")
	f.BoolVar(&o.SealSecrets, "seal-with-secrets", false, "push the seal also where it holds what looks like a secret (A0346)")
	f.StringVar(&o.From, "from", "", "repeat the build of a published image (REPOSITORY@sha256:...) from its seal, instead of a recipe")
	f.StringSliceVar(&fromKeys, "from-key", nil, "public key that must have signed the provenance of --from: a file, pkcs11:... or NAME://...")
	f.StringVar(&key, "key", "", "key that signs the evidence: a file, pkcs11:... or NAME://... (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	keyless.register(cmd)
	f.BoolVar(&unsigned, "unsigned", false, "push evidence that nobody signed")
	links.add(f)
	return cmd
}

func recipeArg(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

func (a *app) runBuild(cmd *cobra.Command, o builder.Options, key string, keyless keylessFlags, unsigned bool, links linkFlags) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	links.by = keyless
	if err := checkBuild(o.Push, key, keyless, unsigned, links); err != nil {
		return err
	}
	if err := a.asRoot(); err != nil { // before a password is asked for
		return err
	}
	if err := openReport(a.report); err != nil {
		return err
	}
	if err := a.buildSigners(ctx, cancel, &o, key, keyless, links); err != nil {
		return err
	}
	h, done, err := a.host(ctx)
	if err != nil {
		return err
	}
	res, err := h.Build(ctx, o)
	done()
	if err != nil {
		if o.Signer != nil {
			if _, bad := o.Signer(); bad != nil { // that is why the build was broken off
				return bad
			}
		}
		return err
	}
	return a.showBuild(res, o)
}

// checkBuild refuses flags that do not go together, before anything is asked for or started.
func checkBuild(push, key string, keyless keylessFlags, unsigned bool, links linkFlags) error {
	signs := key != "" || keyless.on
	release := keyless
	if !signs && len(links.keys)+len(links.tokens) > 0 {
		release.config, release.root = "", "" // the instance is that of the links
	}
	if err := release.check(key, unsigned); err != nil {
		return err
	}
	if push != "" && !signs && !unsigned {
		return diag.Errorf("A0315", "`--push` needs `--key` or `--keyless`, or `--unsigned`").WithWhy("evidence that nobody signed proves nothing").
			WithHelp("selfsame key new --out selfsame")
	}
	if push != "" && push != builder.PushDefault {
		if err := registry.CheckReference(push); err != nil {
			return err
		}
	}
	if !signs && links.names(intoto.StepSign) {
		return usage("a link of the step %s needs --key or --keyless: without it nothing is signed", intoto.StepSign)
	}
	return nil
}

// buildSigners opens what signs the evidence and the links, and notes which files hold keys, so that none gets into the image.
func (a *app) buildSigners(ctx context.Context, cancel context.CancelCauseFunc, o *builder.Options, key string, keyless keylessFlags, links linkFlags) (err error) {
	if key != "" {
		if o.Signer, err = a.signer(ctx, key, keyless, trust.Release, cancel); err != nil {
			return err
		}
	}
	a.private = append(links.files(), keyFiles(key)...)
	for _, path := range []string{keyless.token, o.BuilderTLS.Key} {
		if path != "" {
			a.private = append(a.private, path)
		}
	}
	if o.Links, err = links.signers(ctx, a); err != nil {
		return err
	}
	if err := links.apartFrom(a, o.Links, o.Signer, keyless); err != nil {
		return err
	}
	if keyless.on {
		a.keylessRoot = keyless.root
		o.Signer, err = a.keylessSigner(keyless, trust.Release)
	}
	return err
}

// showBuild prints the result: one line or JSON on stdout, the verdict for people on stderr.
func (a *app) showBuild(res *builder.Result, o builder.Options) error {
	r := res.Report
	if r.Reproducible && r.Reference == "" {
		signer := "--key KEY.pub"
		if a.keylessRoot != "" {
			signer = "--trusted-root " + a.keylessRoot + " --certificate-identity WHO --certificate-oidc-issuer URL"
		}
		r.Next = fmt.Sprintf("%s verify %s %s", Name, filepath.Join(o.Out, "image"), signer)
		if o.Signer == nil {
			r.Next = Name + " key new --out release, then build with --key release.key"
		}
	}
	if !r.Reproducible && r.Next == "" && res.Mended != nil && o.From == "" {
		r.Next = strings.Replace(Name+" explain "+o.Recipe+" --write", " . ", " ", 1)
	}
	unwritten := writeReport(a.report, &r)
	if a.global.json {
		if err := report.JSON(a.Out, r); err != nil {
			return err
		}
	} else {
		if !a.global.quiet || !r.Reproducible {
			if err := report.Text(a.Err, r); err != nil {
				return err
			}
		}
		if r.Reproducible {
			name := r.Reference
			if name == "" {
				name = filepath.Join(o.Out, "image") + "@" + r.Digest
			}
			fmt.Fprintln(a.Out, name)
		}
	}
	return a.verdict(diag.ExitCode(res.Err), unwritten)
}

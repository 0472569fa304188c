//go:build !front

package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

type breakGlassFlags struct {
	namespaces         []string
	owner, reason, key string
	life               time.Duration
	out                string
	sign               keylessFlags
}

func (a *app) breakGlassCommand() *cobra.Command {
	var f breakGlassFlags
	cmd := &cobra.Command{
		Use: "break-glass NAME@sha256:HEX", GroupID: "trust", Short: "Let one image run in some namespaces for a few hours, whatever the policy says",
		Long: `Sign a break-glass statement: until it expires, the image may run in the namespaces that it names, even where selfsame-guard's policy denies it or
nothing can be decided. Only the deny list outranks it. It counts if a trust file gives the key, or identity, the role break-glass and no other, and if
the guard finds it: put it into the folder that "breakGlass:" in the guard's configuration names. No registry is asked.

NAME is the image's repository as pods name it, and the digest is that of the index or manifest that they use.`,
		Example: "  selfsame break-glass registry.example.com/team/shop@sha256:... --namespace shop --reason 'incident 4711' \\\n" +
			"    --owner ops@example.com --for 4h --key break-glass.key --out incident-4711.json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runBreakGlass(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.namespaces, "namespace", nil, "namespace where it may run; "+provenance.OutsideNamespaces+" stands for containers of plain docker, podman and containerd")
	fl.StringVar(&f.owner, "owner", "", "who answers for it")
	fl.StringVar(&f.reason, "reason", "", "why, in one line, for whoever reads it later")
	fl.DurationVar(&f.life, "for", 4*time.Hour, "how long it counts, at most 24h")
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) with the role break-glass")
	f.sign.register(cmd)
	fl.StringVar(&f.out, "out", "", "write the statement to this file (default: stdout)")
	return cmd
}

func (a *app) runBreakGlass(ctx context.Context, ref string, f breakGlassFlags) error {
	name, hex, _ := strings.Cut(ref, "@")
	image := digest.Digest(hex)
	switch {
	case artifact.CheckDigest(image) != nil:
		return usage("`break-glass` needs NAME@sha256:HEX: a tag could be moved to anything")
	case len(f.namespaces) == 0:
		return usage("`break-glass` needs --namespace: where it may run")
	case strings.TrimSpace(f.owner) == "" || strings.TrimSpace(f.reason) == "":
		return usage("`break-glass` needs --owner and --reason: somebody answers for it")
	case f.key == "" && !f.sign.on:
		return usage("`break-glass` needs --key or --keyless: a statement that nobody signed opens nothing")
	case f.life <= 0 || f.life > provenance.MaxBreakGlass:
		return usage("--for is more than nothing and at most %s", provenance.MaxBreakGlass)
	}
	now := time.Now().Truncate(time.Second)
	made, err := provenance.BreakGlassStatement(name, image, provenance.BreakGlass{Namespaces: f.namespaces, Owner: f.owner, Reason: f.reason, Issued: now, Expires: now.Add(f.life)})
	if err != nil {
		return usage("%v", err)
	}
	signer, err := a.openSigner(ctx, f.key, f.sign, trust.BreakGlass)
	if err != nil {
		return err
	}
	bundle, err := signing.Sign(ctx, signer, made.Payload)
	if err != nil {
		return err
	}
	if f.out != "" {
		return atomicfile.Write(f.out, append(bundle, '\n'), os.FileMode(0o644))
	}
	_, err = a.Out.Write(append(bundle, '\n'))
	return err
}

//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/trust"
)

type decoyFlags struct {
	build, key, to string
	release        []string
}

func (a *app) decoyCommand() *cobra.Command {
	var f decoyFlags
	cmd := &cobra.Command{
		Use: "decoy IMAGE --build REF --release-key KEY.pub --key KEY --push REPOSITORY", GroupID: "trust", Short: "Make an image that is not what its evidence builds, to find rebuilders who do not build",
		Long: `Publish IMAGE in a repository of its own with the evidence and the seal of another build, signed anew with a key that signs nothing but
decoys. Whoever builds what the evidence describes gets something else, and says so; whoever signs that it came out the same has not built.
Nothing but a build must show it: build one recipe twice, and change a file in between.

IMAGE must never be a release: what an honest rebuilder says against the decoy is about the digests of IMAGE, and would speak against that, too.
No verifier of yours takes a decoy for a release as long as none of your trust files names its key: its name is that of its own repository, and the
key that released --build is refused. Give rebuilders the public key as that of one more project, and read with "selfsame verify --json --roster" who signed.`,
		Example: "  selfsame decoy registry.example.com/probe/work:two --build registry.example.com/probe/work:one --release-key probe.pub \\\n" +
			"    --key decoy.key --push registry.example.com/tools/fetch:v3",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDecoy(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.build, "build", "", "image whose evidence and seal the decoy gets: of the same platforms, and as many layers")
	fl.StringSliceVar(&f.release, "release-key", nil, "public key that must have signed the evidence of --build")
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) that signs the decoy, and releases nothing")
	fl.StringVar(&f.to, "push", "", "where the decoy goes: REPOSITORY:TAG, or REPOSITORY for :latest, where nothing is yet")
	return cmd
}

func (a *app) runDecoy(ctx context.Context, image string, f decoyFlags) error {
	if f.build == "" || f.key == "" || f.to == "" || len(f.release) == 0 {
		return usage("`decoy` needs --build, --release-key, --key and --push")
	}
	d := rebuild.Decoy{Image: image, Build: f.build, To: f.to}
	var err error
	if d.Release, err = a.verifiers(ctx, f.release); err != nil {
		return err
	}
	if d.Signer, err = a.openKey(ctx, f.key, trust.Decoy); err != nil {
		return err
	}
	dir, remove, err := a.tempDir("decoy-")
	if err != nil {
		return err
	}
	defer remove()
	d.Dir = dir
	made, err := d.Push(ctx, a.registry(registry.Options{}))
	if err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Reference     string `json:"reference"`
		}{1, made.Pinned()})
	}
	_, err = fmt.Fprintln(a.Out, made.Pinned())
	return err
}

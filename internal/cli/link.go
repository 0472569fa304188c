//go:build !front

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/trust"
)

type stepFlags struct {
	key                 string
	materials, products []string
	command             string
	sign                keylessFlags
}

func (a *app) linkCommand() *cobra.Command {
	var f stepFlags
	cmd := &cobra.Command{
		Use: "link STEP REF|LAYOUT {--key FILE | --keyless}", GroupID: "trust", Short: "Sign an in-toto link: a step of a layout was done with this image",
		Long: `Sign an in-toto link that says: STEP (a scan, a promotion, whatever a layout calls it) was done with this image. The image and its
platform manifests are among the materials and the products; --material and --product add files by their digest. The link is attached
to the image. selfsame lock and selfsame build sign the links of their own steps with --link-key.`,
		Example: "  selfsame link scan registry.example.com/team/shop:v1 --key scanner.key --product scan.json\n  selfsame link promote registry.example.com/prod/shop@sha256:... --key promoter.key\n" +
			"  selfsame link scan registry.example.com/team/shop:v1 --keyless --signing-config signing_config.json --trusted-root trusted_root.json",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runLink(cmd.Context(), args[0], args[1], f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) of the step's functionary (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	f.sign.register(cmd)
	fl.StringArrayVar(&f.materials, "material", nil, "file that went into the step, `[NAME=]FILE`; NAME is what the link calls it (default: FILE's last part)")
	fl.StringArrayVar(&f.products, "product", nil, "file that came out of it, `[NAME=]FILE`")
	fl.StringVar(&f.command, "command", "", "command of the step, for the record")
	return cmd
}

func (a *app) runLink(ctx context.Context, step, ref string, f stepFlags) error {
	if err := intoto.CheckStepName(step); err != nil {
		return usage("%v", err)
	}
	if f.key == "" && !f.sign.on {
		return usage("`link` needs --key or --keyless: a link that nobody signed says nothing")
	}
	l := intoto.Link{Step: step, Command: strings.Fields(f.command), ByProducts: map[string]any{"selfsame": version()}}
	var err error
	if l.Materials, err = filesOf(f.materials); err != nil {
		return err
	}
	if l.Products, err = filesOf(f.products); err != nil {
		return err
	}
	s, err := a.openSigner(ctx, f.key, f.sign, trust.Functionary)
	if err != nil {
		return err
	}
	to, image, name, err := a.imageAt(ctx, ref)
	if err != nil {
		return err
	}
	got, err := builder.AttachLink(ctx, to, image, l, s)
	if err != nil {
		return err
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Step          string `json:"step"`
			Image         string `json:"image"`
			Link          string `json:"link"`
		}{1, step, name, got.Digest.String()})
	}
	_, err = fmt.Fprintf(a.Out, "%s %s %s\n", step, name, got.Digest)
	return err
}

// imageAt finds an image in a registry or in a layout on disk, where something can be attached to it.
func (a *app) imageAt(ctx context.Context, ref string) (artifact.Store, artifact.Descriptor, string, error) {
	if l, root, err := onDisk(ctx, ref); err != nil || l != nil {
		path, _, _ := strings.Cut(ref, "@sha256:")
		return l, root, path + "@" + root.Digest.String(), err
	}
	got, err := a.registry(registry.Options{}).Resolve(ctx, ref)
	if err != nil {
		return nil, artifact.Descriptor{}, "", err
	}
	return got.Repository, got.Descriptor, got.Pinned(), nil
}

// filesOf names files by their digests.
func filesOf(specs []string) (intoto.Artifacts, error) {
	out := intoto.Artifacts{}
	for _, spec := range specs {
		name, path, named := strings.Cut(spec, "=")
		if !named {
			name, path = filepath.Base(spec), spec
		}
		if err := intoto.CheckArtifact(name); err != nil {
			return nil, usage("%v: write NAME=FILE", err)
		}
		if name == intoto.ArtifactImage || strings.HasPrefix(name, intoto.ArtifactImage+"/") {
			return nil, usage("`%s` is what a link calls the image: write another NAME=FILE", name)
		}
		if _, twice := out[name]; twice {
			return nil, usage("two files are called `%s`: write NAME=FILE", name)
		}
		d, err := fileDigest(path)
		if err != nil {
			return nil, usage("reading `%s`: %v", path, err)
		}
		out[name] = d
	}
	return out, nil
}

func fileDigest(path string) (digest.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return "", fmt.Errorf("it is no regular file (%w)", err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(h.Sum(nil))), nil
}

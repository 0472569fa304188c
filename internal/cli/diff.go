//go:build !front

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/report"
)

type diffFlags struct {
	platforms []string
	report    string // folder; empty: none
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use: "diff A B", GroupID: "build", Short: "Compare any two images, down to the first differing byte",
		Long: `Compare two images: config, layers, and every file's bytes, owner, mode, times, attributes and place. A and B are each the folder of
an OCI layout, a tar of one or of what "docker save" writes, or a reference of a registry; DIR@sha256:... picks one of several images in
a layout. An index against an index compares every platform, and what only one side has is a difference. Of a registry only the layers
are fetched that the other side does not name by the same digest. Exit 0: equal; 13: they differ.`,
		Example: "  selfsame diff selfsame-out/A selfsame-out/B\n  selfsame diff selfsame-out/image registry.example.com/team/shop:v1 --platform linux/amd64\n" +
			"  selfsame diff old.tar new.tar --report selfsame-out/report",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDiff(cmd.Context(), args[0], args[1], f) },
	}
	cmd.Flags().StringSliceVar(&f.platforms, "platform", nil, "compare only this platform, as in linux/arm64; may be repeated")
	reportFlag(cmd.Flags(), &f.report)
	return cmd
}

func (a *app) runDiff(ctx context.Context, left, right string, f diffFlags) error {
	if err := openReport(f.report); err != nil {
		return err
	}
	p, err := a.openPair(ctx, left, right, f)
	if err != nil {
		return err
	}
	defer p.close()
	reports, err := p.compare(ctx)
	if err != nil {
		return err
	}
	res := report.New("", reports, cause.World{})
	res.Files = report.Files{A: left, B: right}
	res.Notes = p.notes
	p.progress.stop()
	unwritten := writeReport(f.report, &res)
	if a.global.json {
		if err := report.JSON(a.Out, res); err != nil {
			return err
		}
	} else if err := report.Text(a.Out, res); err != nil {
		return err
	}
	code := diag.ExitProven
	if !res.Reproducible {
		code = diag.ExitNotReproducible
	}
	return a.verdict(code, unwritten)
}

// platformPair is one platform of both images; a side that does not have it is empty.
type platformPair struct {
	platform string
	a, b     compare.PlatformManifest
}

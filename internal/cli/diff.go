package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/report"
)

func (a *app) diffCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "diff A B", GroupID: "build", Short: "Compare two images on disk (OCI layouts), down to the first differing byte",
		Example: "  selfsame diff selfsame-out/A selfsame-out/B\n  selfsame diff selfsame-out/A selfsame-out/B --report selfsame-out/report", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDiff(cmd, args[0], args[1], dir) },
	}
	reportFlag(cmd.Flags(), &dir)
	return cmd
}

func (a *app) runDiff(cmd *cobra.Command, left, right, dir string) error {
	if err := openReport(dir); err != nil {
		return err
	}
	before, err := images(left)
	if err != nil {
		return err
	}
	after, err := images(right)
	if err != nil {
		return err
	}
	var reports []compare.Report
	equal := len(before) == len(after)
	for _, platform := range slices.Sorted(maps.Keys(before)) {
		x := before[platform]
		y, ok := after[platform]
		if !ok {
			return diag.Errorf("A0404", "`%s` has no image for %s", right, platform).WithHelp("compare images of the same platforms")
		}
		r, err := compare.Images(cmd.Context(), x, y, compare.Options{})
		if err != nil {
			return err
		}
		reports = append(reports, r)
		equal = equal && r.Equal()
	}
	res := report.New("", reports)
	res.Reproducible = equal
	res.Files = report.Files{A: left, B: right}
	unwritten := writeReport(dir, &res)
	if a.global.json {
		if err := report.JSON(a.Out, res); err != nil {
			return err
		}
	} else if err := report.Text(a.Out, res); err != nil {
		return err
	}
	code := diag.ExitProven
	if !equal {
		code = diag.ExitNotReproducible
	}
	return a.verdict(code, unwritten)
}

// images opens every platform's image of a layout.
func images(dir string) (map[string]*compare.Image, error) {
	list, err := compare.Manifests(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]*compare.Image{}
	for _, m := range list {
		img, err := compare.Open(dir, m.Manifest)
		if err != nil {
			return nil, err
		}
		out[m.Platform] = img
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("`%s` holds no image", dir)
	}
	return out, nil
}

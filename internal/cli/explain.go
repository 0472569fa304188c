//go:build !front

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/report"
)

// codePattern is what a diagnostic or a cause is called.
var codePattern = lazyregexp.New(`^(?i)(A\d{4}|T\d{1,2})$`)

func (a *app) explainCommand() *cobra.Command {
	var o builder.Options
	var write bool
	var dir string
	cmd := &cobra.Command{
		Use: "explain [RECIPE | CODE]", GroupID: "build", Short: "Find out why a build differs and how to fix it; or explain a code such as A0202 or T1",
		Long: `With a recipe (a file, or a folder with recipe.yaml; the current folder when left out): build it twice, and if the images differ, run the
step at fault again on frozen copies of its inputs, with one thing varied at a time, until it is clear what the difference depends on. Known
remedies are tried on that step alone. One after which both builders agree is shown as a change of the Dockerfile, and made with --write.

With a code: what a diagnostic (A0101 and so on) or a cause (T1 to T25) means, and what to do.`,
		Example: "  selfsame explain\n  selfsame explain examples/broken --write\n  selfsame explain A0202\n  selfsame explain T18", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: completeCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && codePattern.MatchString(args[0]) {
				return a.explainCode(strings.ToUpper(args[0]))
			}
			o.Recipe, o.Explain, a.report = recipeArg(args), builder.Full, dir
			return a.runExplain(cmd, o, write)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Out, "out", DefaultOut, "folder for the results")
	f.StringSliceVar(&o.Platforms, "platform", nil, "build only these of the recipe's platforms")
	f.BoolVar(&o.Offline, "offline", false, "fetch nothing, not even locked bytes that the store lacks")
	reportFlag(f, &dir)
	f.BoolVar(&write, "write", false, "make the change that was verified")
	return cmd
}

func completeCodes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, i := range diag.Table() {
		out = append(out, string(i.Code)+"\t"+i.Title)
	}
	for _, c := range cause.Catalogue() {
		out = append(out, string(c.Class)+"\t"+c.Title)
	}
	return out, cobra.ShellCompDirectiveDefault
}

func (a *app) runExplain(cmd *cobra.Command, o builder.Options, write bool) error {
	if err := a.asRoot(); err != nil {
		return err
	}
	if err := openReport(a.report); err != nil {
		return err
	}
	h, done, err := a.host(cmd.Context())
	if err != nil {
		return err
	}
	res, err := h.Build(cmd.Context(), o)
	done()
	if err != nil {
		return err
	}
	if write && res.Mended != nil {
		// What was found out is shown whatever becomes of the file.
		if err := a.mend(*res.Mended); err != nil {
			res.Report.Notes = append(res.Report.Notes, "the remedy was not written: "+err.Error())
		} else {
			res.Report.Next = Name + " lock"
		}
	}
	if write && res.Mended == nil && !res.Report.Reproducible {
		res.Report.Notes = append(res.Report.Notes, "no remedy was verified, so nothing was written")
	}
	if res.Report.Reproducible {
		return a.showAgreement(res.Report)
	}
	return a.showBuild(res, o)
}

// showAgreement says that there is nothing to explain. Nothing was kept of the build, so there is no image to name.
func (a *app) showAgreement(r report.Result) error {
	r.Next = Name + " build"
	unwritten := writeReport(a.report, &r)
	if a.global.json {
		if err := report.JSON(a.Out, r); err != nil {
			return err
		}
	} else if err := report.Text(a.Err, r); err != nil {
		return err
	}
	return a.verdict(diag.ExitProven, unwritten)
}

// mend writes a file with its remedy, if nobody has changed it meanwhile.
func (a *app) mend(m builder.Mended) error {
	path, err := filepath.EvalSymlinks(m.Path) // a link stays one
	if err != nil {
		return err
	}
	now, err := os.ReadFile(path) //nolint:gosec // the recipe's own Dockerfile
	if err != nil {
		return err
	}
	if !bytes.Equal(now, m.Old) {
		return fmt.Errorf("%s is not what was built", m.Path)
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, m.New, st.Mode().Perm()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Err, "%s: the remedy is in `%s`\n", Name, m.Path)
	return err
}

// explainCode prints the page of a diagnostic or a cause.
func (a *app) explainCode(code string) error {
	page := struct {
		SchemaVersion int    `json:"schemaVersion"`
		Code          string `json:"code"`
		Exit          int    `json:"exit"`
		Title         string `json:"title"`
		Page          string `json:"page"`
	}{SchemaVersion: 1, Code: code}
	if c, ok := cause.Lookup(cause.Class(code)); ok {
		page.Exit, page.Title, page.Page = diag.ExitNotReproducible, c.Title, c.Page
	} else if i, ok := diag.Lookup(diag.Code(code)); ok {
		page.Exit, page.Title, page.Page = i.Exit, i.Title, i.Page
	} else {
		return usage("there is no diagnostic or cause `%s`", code).WithHelp("codes are as messages show them: A0101 and so on; causes are T1 to T25")
	}
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(page)
	}
	_, err := fmt.Fprintf(a.Out, "%s: %s (exit %d)\n\n%s\n", page.Code, page.Title, page.Exit, diag.Fold(strings.TrimSpace(page.Page), a.invocation().Width()))
	return err
}

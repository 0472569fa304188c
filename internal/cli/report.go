package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/folder"
)

// reportFlag is --report, of the commands that compare.
func reportFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "report", "", "write report.html (a page to look at), report.json, report.sarif and report.junit.xml into this folder, whatever comes out")
}

// openReport makes the folder and removes an older report from it, so that nobody takes it for the one of a build that broke off. It is
// called first: that a report cannot be written is not to be found out after a build.
func openReport(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the report's folder: %w", err)
	}
	for _, name := range folder.Names {
		path := filepath.Join(dir, name)
		atomicfile.RemoveLeft(path)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an older report: %w", err)
		}
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("writing into the report's folder: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// writeReport writes r's files into dir, and has r point at the page. Without a dir it does nothing.
func writeReport(dir string, r *report.Result) error {
	if dir == "" {
		return nil
	}
	with := *r
	with.Files.Report = filepath.Join(dir, folder.HTML)
	files, err := folder.Files(with)
	if err != nil {
		return err
	}
	for _, name := range folder.Names {
		if err := atomicfile.Write(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	*r = with
	return nil
}

// verdict ends a command that has shown its result: code is the result's own, unwritten why there is no report. A bad result is worth
// more than that.
func (a *app) verdict(code int, unwritten error) error {
	if code == diag.ExitProven {
		return unwritten
	}
	if unwritten != nil {
		fmt.Fprintf(a.Err, "error: %v\n", unwritten)
	}
	return shownError(code)
}

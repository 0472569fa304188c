//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/registry"
)

// watch audits again and again; stdout has a line of JSON for each audit.
func (a *app) watch(ctx context.Context, auditor *rebuild.Auditor, f auditFlags) error {
	enc := json.NewEncoder(a.Out)
	code, err := auditor.Watch(ctx, f.Options, f.watch, func(l rebuild.Line) error { return enc.Encode(l) })
	if err != nil || code == diag.ExitProven {
		return err
	}
	return shownError(code)
}

// runForeign reads what another tool says of its image. Where its provenance leads is a stranger's choice.
func (a *app) runForeign(ctx context.Context, ref string, f auditFlags) error {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	path := filepath.Join(f.recipe, recipes.FileName)
	if _, err := os.Lstat(path); f.recipe != "" && !errors.Is(err, fs.ErrNotExist) {
		return usage("`%s` is there already, or cannot be seen: %v", path, err).WithHelp("name another folder, or remove that file first")
	}
	var upstream *registry.Client
	if f.Refetch {
		upstream = a.registry(registry.Options{Transport: inputs.Guarded(f.Private, http.ProxyFromEnvironment)})
	}
	auditor := &rebuild.Auditor{Registry: a.registry(registry.Options{}), Now: time.Now, Notice: a.notice}
	res, err := auditor.Foreign(ctx, ref, upstream)
	if err != nil {
		return err
	}
	show := res.Text
	if a.global.json {
		show = res.JSON
	}
	if err := show(a.Out); err != nil {
		return err
	}
	if f.recipe != "" {
		if err := a.writeForeign(res, path, f.Private); err != nil {
			return err
		}
	}
	return shownError(res.ExitCode)
}

// writeForeign writes the recipe that repeats the build of another tool.
func (a *app) writeForeign(res *rebuild.Foreign, path string, private []string) error {
	text, err := res.Recipe(private)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := atomicfile.Write(path, text, 0o644); err != nil {
		return err
	}
	a.notice("wrote %s. Nobody signed what it says: read it before you run `%s lock %s`", path, Name, filepath.Dir(path))
	return nil
}

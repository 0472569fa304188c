package invocation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestFilesystem tells a path that was misspelt from what is a bug of ours.
func TestFilesystem(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, missing := os.Open(filepath.Join(dir, "none", "x"))
	_, below := os.Open(filepath.Join(file, "x"))
	_, folder := os.ReadFile(dir)
	_, program := os.StartProcess(filepath.Join(dir, "none"), []string{"none"}, &os.ProcAttr{})
	ready := diag.Errorf("A0101", "there is none: %w", missing)
	for name, c := range map[string]struct {
		err  error
		code diag.Code // "": no diagnostic
		exit int
	}{
		"no such folder":          {fmt.Errorf("writing: %w", missing), "A0708", 10},
		"a file as a folder":      {below, "A0708", 10},
		"a folder as a file":      {folder, "A0708", 10},
		"to rename into nothing":  {os.Rename(file, filepath.Join(dir, "none", "x")), "A0708", 10},
		"a program":               {program, "", 1},
		"said already":            {ready, "A0101", 10},
		"something else":          {errors.New("no such file or directory"), "", 1},
		"not allowed":             {&os.PathError{Op: "open", Path: file, Err: os.ErrPermission}, "A0705", 17},
		"not there, without path": {os.ErrNotExist, "", 1},
	} {
		if c.err == nil {
			t.Fatalf("%s: no error", name)
		}
		err := Filesystem(c.err, "", "")
		var got diag.Code
		if all := diag.All(err); len(all) == 1 {
			got = all[0].Code
		}
		if got != c.code || diag.ExitCode(err) != c.exit || !errors.Is(err, c.err) {
			t.Errorf("%s: %v is %s, exit %d; want %s, %d", name, c.err, got, diag.ExitCode(err), c.code, c.exit)
		}
	}
}

//go:build !front

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestOneKeyUnderTwoNames: each role of an auditor has a key of its own, whatever its file is called.
func TestOneKeyUnderTwoNames(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"a.key", "b.key"} {
		if err := os.WriteFile(path(name), []byte("key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("a.key", path("link")), os.Link(path("a.key"), path("hard"))); err != nil {
		t.Fatal(err)
	}
	const token = "pkcs11:token=t;object=o"
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{path("a.key"), path("a.key"), true},
		{path("a.key"), dir + "/./a.key", true},
		{path("a.key"), path("link"), true},
		{path("a.key"), path("hard"), true},
		{token, token, true},
		{path("a.key"), path("b.key"), false},
		{path("a.key"), path("none"), false},
		{path("a.key"), token, false},
		{path("a.key"), "", false},
		{"", "", false},
	} {
		if sameKey(c.a, c.b) != c.same || sameKey(c.b, c.a) != c.same {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.same)
		}
	}
}

// TestAuditByIdentity: an identity counts against a root, as with `verify`.
func TestAuditByIdentity(t *testing.T) {
	a := &app{}
	for name, c := range map[string]identityFlags{
		"no root":     {subjects: []string{"release@example.com"}, issuers: []string{"https://login.example"}},
		"no issuer":   {root: "root.json", subjects: []string{"release@example.com"}},
		"no identity": {root: "root.json", issuers: []string{"https://login.example"}},
	} {
		f := auditFlags{who: c, disk: 1}
		if err := f.read(t.Context(), a); diag.ExitCode(err) != diag.ExitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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

// someValue is one that a flag takes, other than its default.
func someValue(t *testing.T, fl *pflag.Flag) string {
	t.Helper()
	kinds := map[string]string{"bool": "true", "string": "x", "stringSlice": "x", "stringArray": "x", "int64": "7", "duration": "7h", "life": "7d"}
	v, ok := kinds[fl.Value.Type()]
	if !ok {
		t.Fatalf("--%s has the type %s, of which this test knows no value", fl.Name, fl.Value.Type())
	}
	return v
}

// checked is what the command line of an audit is checked to be.
func checked(t *testing.T, args ...string) error {
	t.Helper()
	var f auditFlags
	cmd := &cobra.Command{Use: "audit"}
	f.define(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f.check(cmd, cmd.Flags().Args())
}

// TestFlagsThatSayNothing: no flag of an audit is passed over in silence.
func TestFlagsThatSayNothing(t *testing.T) {
	for _, c := range []struct {
		args string
		says string // empty: taken
	}{
		{"REF", ""},
		{"REF --release-key k --level config --disk 7 --refetch --private h --deny-list l --deny-key k --deny-max-age 7d --stateless", ""},
		{"--watch f --every 1h --once --watch-state s --level config --name n --out o", ""},
		{"REF --untrusted", ""},
		{"REF --untrusted --timeout 1h --refetch --private h", ""},
		{"REF --untrusted --recipe d --private h", ""},
		{"REF --every 1h --watch-state s", "--every, --watch-state"},
		{"REF --once", "--once"},
		{"REF --trust f --trusted-root r --stateless", ""},
		{"REF --trust f --deny-list l --deny-key k", ""},
		{"REF --trust f --release-key k --certificate-identity i", "--certificate-identity, --release-key"},
		{"REF --stateless", "--stateless"},
		{"REF --trust f --deny-minimum 7", "--deny-minimum"},
		{"REF --push --out=", "--out"},
		{"--watch f --report d", "--report"},
		{"REF --private h", "--private"},
		{"--watch f --private h", "--private"},
		{"REF --untrusted --private h", "--private"},
		{"REF --deny-minimum 7", "--deny-minimum"},
		{"REF --untrusted --level manifest --disk 40", "--disk, --level would say nothing"}, // their defaults
		{"REF --recipe d", "--recipe"},
		{"REF --watch f", "--watch"},
		{"", "--watch"},
		{"--untrusted --watch f", "--untrusted"},
	} {
		err := checked(t, strings.Fields(c.args)...)
		if c.says == "" && err != nil || c.says != "" && (diag.ExitCode(err) != diag.ExitUsage || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("audit %s: %v", c.args, err)
		}
	}
}

// TestFlagsBesideUntrusted: of the flags of an audit, those are taken beside --untrusted that have a meaning there, and a new one is not.
func TestFlagsBesideUntrusted(t *testing.T) {
	root := (&app{Streams: Streams{Env: func(string) string { return "" }}}).root()
	cmd, _, err := root.Find([]string{"audit"})
	if err != nil {
		t.Fatal(err)
	}
	taken := []string{"untrusted", "refetch", "private", "recipe", "timeout"}
	cmd.LocalFlags().VisitAll(func(fl *pflag.Flag) {
		err := checked(t, "REF", "--untrusted", "--refetch", "--"+fl.Name+"="+someValue(t, fl))
		if want := slices.Contains(taken, fl.Name); want != (err == nil) || !want && diag.ExitCode(err) != diag.ExitUsage {
			t.Errorf("--untrusted --%s: %v", fl.Name, err)
		}
	})
	// Those of every command are.
	if err := cmd.ParseFlags([]string{"--json", "--quiet", "--state", "s", "--untrusted", "REF"}); err != nil {
		t.Fatal(err)
	}
	if err := (auditFlags{untrusted: true}).check(cmd, []string{"REF"}); err != nil {
		t.Error(err)
	}
	for _, s := range silences {
		for _, name := range s.flags {
			if cmd.LocalFlags().Lookup(name) == nil {
				t.Errorf("there is no --%s", name)
			}
		}
	}
}

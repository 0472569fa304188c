package guardcli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/guardcli"
	"github.com/selfsame-build/selfsame/internal/invocation"
)

// run is one command: its exit code, and what it printed.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = guardcli.Main(t.Context(), args, invocation.Streams{Out: &out, Err: &errs, Env: func(string) string { return "" }})
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "guard.yaml")
	if err := os.WriteFile(wrong, []byte("guard: v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"version":            {[]string{"version"}, 0, "selfsame-guard ", ""},
		"version in JSON":    {[]string{"version", "--json"}, 0, `{"schemaVersion":1,"version":`, ""},
		"an unknown verb":    {[]string{"versoin"}, 10, "", "did you mean `selfsame-guard version`?"},
		"an unknown flag":    {[]string{"version", "--no"}, 10, "", "A0316"},
		"an argument":        {[]string{"version", "1"}, 10, "", "does not take these arguments: `1`"},
		"no configuration":   {[]string{"check", "--config", "/does/not/exist"}, 10, "", "A0900"},
		"a bad one":          {[]string{"check", "--config", wrong}, 10, "", "A0901"},
		"a path for a CA":    {[]string{"manifests", "--ca", "/does/not/exist", "--config", wrong}, 10, "", "check the path"},
		"no folder":          {[]string{"certificate", "--out", wrong}, 10, "", "A0708"},
		"no digest":          {[]string{"where", "sha256:abc"}, 10, "", "64 digits"},
		"help, without verb": {nil, 0, "Usage:", ""},
		"help about nothing": {[]string{"promote", "--help"}, 10, "", "there is no command"},
	} {
		code, stdout, stderr := run(t, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || (c.stderr == "" && stderr != "") {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
}

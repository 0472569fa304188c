package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestDefaults(t *testing.T) {
	got, err := config.Parse("/etc/selfsame/guard.yaml", []byte("guard: v1\ntrust: trust.yaml\npolicy: {file: ../p.yaml}\nkeep: {fresh: 1m}\nmirrors: {mirror.example.com: registry.example.com}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Version: "v1", Trust: "/etc/selfsame/trust.yaml", Policy: config.Policy{File: "/etc/p.yaml"},
		Verdicts: "ignore", State: "/var/lib/selfsame-guard", Socket: config.Socket{Path: "/run/selfsame/guard.sock"},
		NRI:     config.NRI{Index: "90", Volumes: "count"},
		Keep:    config.Keep{Fresh: config.Duration(time.Minute), Stale: config.Duration(12 * time.Hour), Refused: config.Duration(10 * time.Second)},
		Refresh: config.Duration(time.Minute), Watch: config.Duration(5 * time.Minute),
		Admission: config.Admission{Default: "enforce"},
		Limits:    config.Limits{Images: 20000, Memory: 32, Gathers: 16},
		Mirrors:   map[string]string{"mirror.example.com": "registry.example.com"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakes(t *testing.T) {
	const head = "guard: v1\ntrust: t.yaml\n"
	for name, c := range map[string]struct{ text, want string }{
		"no policy":          {head, "has no `policy`"},
		"two policies":       {head + "policy: {file: a, from: r.example.com/p}\n", "`policy` needs either `file` or `from`"},
		"an empty policy":    {head + "policy: {}\n", "`policy` needs either `file` or `from`"},
		"a plugin's place":   {head + "policy: {file: p}\nnri: {index: \"9\"}\n", "is not a plugin's index"},
		"volumes":            {head + "policy: {file: p}\nnri: {volumes: ignore}\n", "is not a choice"},
		"a misspelt key":     {head + "policy: {file: p}\nbreakglass: x\n", "unknown key `breakglass`"},
		"another version":    {"guard: v2\ntrust: t\npolicy: {file: p}\n", "`v2` is not a version of this file"},
		"no time span":       {head + "policy: {file: p}\nrefresh: 10\n", "this is not a time span"},
		"a span of a year":   {head + "policy: {file: p}\nkeep: {stale: 9000h}\n", "this is not a time span"},
		"no span at all":     {head + "policy: {file: p}\nkeep: {fresh: 0s}\n", "this is not a time span"},
		"stale before fresh": {head + "policy: {file: p}\nkeep: {fresh: 2h, stale: 1h}\n", "`stale` is less than `fresh`"},
		"no port":            {head + "policy: {file: p}\nmetrics: localhost\n", "is not an address"},
		"a secret in a URL":  {head + "policy: {file: p}\ntraces: http://me:pass@h.example.com\n", "is not an endpoint"},
		"a tag with a pin":   {head + "policy: {from: r.example.com/p@sha256:aa}\n", "is not a reference"},
		"a mode":             {head + "policy: {file: p}\nadmission: {default: warn}\n", "`warn` is not a mode"},
		"verdicts":           {head + "policy: {file: p}\nverdicts: \"yes\"\n", "`yes` is not a choice"},
		"a namespace":        {head + "policy: {file: p}\nadmission: {audit: [Shop]}\n", "is not a namespace"},
		"nothing":            {"", "is empty"},
	} {
		_, err := config.Parse("guard.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		} else if code := diag.ExitCode(err); code != diag.ExitUsage {
			t.Errorf("%s: exit %d", name, code)
		} else if n := len(diag.All(err)); n != 1 {
			t.Errorf("%s: one mistake is reported %d times: %v", name, n, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := config.Load(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	path := filepath.Join(dir, "guard.yaml")
	if err := os.WriteFile(path, []byte("guard: v1\ntrust: t\npolicy: {file: p}\nstate: s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := config.Load(path); err != nil || c.State != filepath.Join(dir, "s") {
		t.Errorf("state %q, %v", c.State, err)
	}
}

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing/signingtest"
)

func TestLinkKeys(t *testing.T) {
	private, _ := signingtest.NewPair(t)
	dir := t.TempDir()
	for _, name := range []string{"ci.key", "dev.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), private, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	a := &app{Streams: Streams{Env: func(string) string { return "x" }}}
	for _, c := range []struct {
		flags linkFlags
		keys  string
		want  string // the steps that are signed, or what the error says
	}{
		{buildLinks(), "", ""},
		{buildLinks(), "ci.key", "build-a build-b compare sign"},
		{buildLinks(), "sign=dev.key ci.key", "build-a build-b compare sign"},
		{buildLinks(), "build-a,build-b=ci.key", "build-a build-b"},
		{lockLinks(), "ci.key", "lock"},
		{lockLinks(), "source=dev.key", "source"},
		{lockLinks(), "source,lock=dev.key", "source lock"},
		{lockLinks(), "source=dev.key ci.key", "source lock"},
		{lockLinks(), "sign=ci.key", "STEP is one of source, lock"},
		{lockLinks(), "source,sign=ci.key", "STEP is one of source, lock"},
		{lockLinks(), "lock=", "write FILE"},
		{lockLinks(), "lock=ci.key lock=dev.key", "two keys or identities for step lock"},
		{buildLinks(), "ci.key dev.key", "two keys"},
		{lockLinks(), "gone.key", "reading the key"},
	} {
		c.flags.keys = strings.Fields(c.keys)
		links, err := c.flags.signers(t.Context(), a)
		var got []string
		for _, step := range []string{"source", "lock", "build-a", "build-b", "compare", "sign"} {
			if err == nil && links.Signer != nil && links.Signer(step) != nil {
				got = append(got, step)
			}
		}
		if err != nil {
			if diag.ExitCode(err) != diag.ExitUsage || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v, want %q", c.keys, err, c.want)
			}
			continue
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %v, want %q", c.keys, got, c.want)
		}
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"365d": "2027-02-28T12:00:00Z", "1d": "2026-03-01T12:00:00Z", "2027-01-31T00:00:00Z": "2027-01-31T00:00:00Z",
		"": "", "0d": "", "-1d": "", "d": "", "1h": "", "2027-01-31": "", "99999999d": "",
	} {
		got, err := expiry(text, now)
		if (err == nil) != (want != "") || (err == nil && got.Format(time.RFC3339) != want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestFilesOf(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("scan.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := filesOf([]string{"scan.json", "reports/one=scan.json"})
	const sum = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	if diff := cmp.Diff(intoto.Artifacts{"scan.json": sum, "reports/one": sum}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range [][]string{{"gone"}, {"."}, {"../x=scan.json"}, {"=scan.json"}, {"image=scan.json"}, {"image/linux/amd64=scan.json"}, {"scan.json", "scan.json"}} {
		if _, err := filesOf(bad); diag.ExitCode(err) != diag.ExitUsage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestStepsAndKey: the name of a key on a token has `=` of its own.
func TestStepsAndKey(t *testing.T) {
	for _, c := range []struct {
		spec, steps, key string
		named            bool
	}{
		{"ci.key", "", "ci.key", false},
		{"lock=ci.key", "lock", "ci.key", true},
		{"source,lock=a=b.key", "source,lock", "a=b.key", true},
		{"pkcs11:token=ci;object=k", "", "pkcs11:token=ci;object=k", false},
		{"lock=pkcs11:token=ci;object=k", "lock", "pkcs11:token=ci;object=k", true},
		{"awskms:///alias/x#sha256=AAA=", "", "awskms:///alias/x#sha256=AAA=", false},
	} {
		if steps, key, named := stepsAndKey(c.spec); steps != c.steps || key != c.key || named != c.named {
			t.Errorf("%s: %q, %q, %v", c.spec, steps, key, named)
		}
	}
	l := lockLinks()
	l.keys = []string{"lock=ci.key", "source=pkcs11:token=ci;object=k", "dev.key"}
	if got := strings.Join(l.files(), " "); got != "ci.key dev.key" {
		t.Errorf("key files %q", got)
	}
}

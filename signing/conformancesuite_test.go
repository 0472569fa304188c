package signing_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/conformance"
)

// TestConformanceSuite: every case of the suite by its name, made here, with the file and with its digest, as the suite asks for both.
func TestConformanceSuite(t *testing.T) {
	s := suite{newForge(t)}
	cases := s.equivalents()
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			c := make(t)
			wantSuite(t, name, c.run)
			data, err := os.ReadFile(c.file)
			s.check(err)
			c.file = digestOf(data)
			wantSuite(t, name+" by digest", c.run)
		})
	}
	t.Logf("%d cases of the suite, twice each", len(cases))
}

// TestConformanceSuiteItself runs the suite's own bytes: SELFSAME_SIGSTORE_CONFORMANCE is a checkout of sigstore/sigstore-conformance. Its rules are
// those of test/client.py, from_dir and build_verify_args.
func TestConformanceSuiteItself(t *testing.T) {
	checkout := os.Getenv("SELFSAME_SIGSTORE_CONFORMANCE")
	if checkout == "" {
		t.Skip("SKIPPED: SELFSAME_SIGSTORE_CONFORMANCE names no checkout of sigstore/sigstore-conformance; TestConformanceSuite has equivalents of its cases")
	}
	runSuite(t, filepath.Join(checkout, "test", "assets", "bundle-verify"))
}

// TestConformanceSuiteFolder: that a folder of cases is read as the suite has it, with our own in the suite's place.
func TestConformanceSuiteFolder(t *testing.T) {
	s, assets := suite{newForge(t)}, t.TempDir()
	for name, make := range s.equivalents() {
		c, dir := make(t), filepath.Join(assets, name)
		if contradicts := len(c.args) > 4; contradicts {
			continue // a key and an identity: the suite says so in a test of its own
		}
		s.check(os.Mkdir(dir, 0o700))
		bundle, err := json.Marshal(c.bundle)
		s.check(err)
		if c.raw != nil {
			bundle = c.raw
		}
		artifact, err := os.ReadFile(c.file)
		s.check(err)
		files := map[string][]byte{"bundle.sigstore.json": bundle, "trusted_root.json": c.root, "artifact": artifact}
		for i := 0; i < len(c.args); i += 2 {
			switch c.args[i] {
			case "--key":
				files["key.pub"], err = os.ReadFile(c.args[i+1])
				s.check(err)
			case "--certificate-identity":
				files["identity"] = []byte(c.args[i+1] + "\n")
			case "--certificate-oidc-issuer":
				files["issuer"] = []byte(c.args[i+1])
			}
		}
		for file, data := range files {
			s.check(os.WriteFile(filepath.Join(dir, file), data, 0o600))
		}
	}
	runSuite(t, assets)
}

// runSuite runs every case below assets, with its artifact and with that one's digest.
func runSuite(t *testing.T, assets string) {
	found, err := filepath.Glob(filepath.Join(assets, "*", "bundle.sigstore.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases in %s: %v", assets, err)
	}
	known := suite{newForge(t)}.equivalents()
	for _, bundle := range found {
		dir := filepath.Dir(bundle)
		name := filepath.Base(dir)
		if known[name] == nil {
			t.Errorf("%s has no equivalent in TestConformanceSuite", name)
		}
		t.Run(name, func(t *testing.T) {
			args, artifact := suiteArgs(t, assets, dir)
			data, err := os.ReadFile(artifact) //nolint:gosec // the suite's own file
			if err != nil {
				t.Fatal(err)
			}
			for _, last := range []string{artifact, digestOf(data)} {
				wantSuite(t, name+" with "+last, func() (int, string) {
					var out bytes.Buffer
					return conformance.Main(append(args[:len(args):len(args)], last), &out), out.String()
				})
			}
		})
	}
	t.Logf("%d cases, twice each", len(found))
}

// suiteArgs are the client's arguments for a case of the suite but the last, and the artifact.
func suiteArgs(t *testing.T, assets, dir string) ([]string, string) {
	t.Helper()
	has := func(name string) (string, bool) {
		path := filepath.Join(dir, name)
		_, err := os.Stat(path)
		return path, err == nil
	}
	says := func(name, otherwise string) string {
		path, is := has(name)
		if !is {
			return otherwise
		}
		data, err := os.ReadFile(path) //nolint:gosec // the suite's own file
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(data))
	}
	args := []string{"verify-bundle", "--bundle", filepath.Join(dir, "bundle.sigstore.json")}
	if key, is := has("key.pub"); is {
		args = append(args, "--key", key)
	} else {
		const beacon = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
		args = append(args, "--certificate-identity", says("identity", beacon), "--certificate-oidc-issuer", says("issuer", "https://token.actions.githubusercontent.com"))
	}
	if root, is := has("trusted_root.json"); is {
		args = append(args, "--trusted-root", root)
	}
	if artifact, is := has("artifact"); is {
		return args, artifact
	}
	return args, filepath.Join(assets, "a.txt")
}

// wantSuite runs a case: exit 0, or 1 where its name ends in _fail.
func wantSuite(t *testing.T, what string, run func() (int, string)) {
	t.Helper()
	name, _, _ := strings.Cut(what, " ")
	want := 0
	if strings.HasSuffix(name, "_fail") {
		want = 1
	}
	code, out := run()
	if code != want || (code != 0) == strings.HasPrefix(out, "verified:") {
		t.Errorf("%s: exit %d, want %d: %s", what, code, want, out)
	}
	if code != 0 {
		t.Logf("%s: %s", what, strings.TrimSpace(out))
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

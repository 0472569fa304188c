package canary

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const certificate = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n"

func TestTrust(t *testing.T) {
	dir := t.TempDir()
	bundle := filepath.Join(dir, "bundle")
	if err := Trust(bundle, dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no bundle: %v", err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(bundle, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	if err := Trust(bundle, dir); !errors.Is(err, errNoProxy) {
		t.Errorf("a step that is behind no proxy: %v", err)
	}
	write("\n# buildkit proxy CA begin\n" + certificate + "# buildkit proxy CA end\n")
	for range 2 { // the second time over the first
		if err := Trust(bundle, dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, TrustFile))
	if err != nil || string(got) != certificate {
		t.Errorf("got %q, %v", got, err)
	}
	if st, err := os.Stat(filepath.Join(dir, TrustFile)); err != nil || st.Mode().Perm() != 0o444 {
		t.Errorf("a step that is not root cannot read it: %v, %v", st.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%d files are left, want the bundle and the certificate", len(left))
	}
}

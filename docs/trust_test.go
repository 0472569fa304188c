package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/trust"
)

// TestTrustPage: the trust file and the roster of the reference are ones, with keys where the page has them, and every role is there.
func TestTrustPage(t *testing.T) {
	text := reference(t, "trust.md")
	dir := t.TempDir()
	for _, name := range []string{"release.pub", "qa-rebuilds.pub", "qa-findings.pub", "qa-index.pub", "ops.pub", "trusted_root.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(pem []byte) (trust.Key, error) { return trust.Key{Hint: string(pem)}, nil }
	files, rosters := 0, 0
	for _, b := range blocks("trust.md", text) {
		var err error
		switch {
		case strings.HasPrefix(b.body, "trust:"):
			files++
			_, err = trust.Parse(filepath.Join(dir, "trust.yaml"), []byte(b.body), key)
		case strings.HasPrefix(b.body, "roster:"):
			rosters++
			_, err = trust.ParseRoster(filepath.Join(dir, "roster.yaml"), []byte(b.body), key)
		}
		if err != nil {
			t.Errorf("trust.md:%d: %v", b.line, err)
		}
	}
	if files != 1 || rosters != 1 {
		t.Errorf("%d trust files and %d rosters; this test would prove nothing", files, rosters)
	}
	for _, r := range trust.Roles {
		if !strings.Contains(text, "| `"+string(r)+"` |") {
			t.Errorf("trust.md does not explain the role %s", r)
		}
	}
}

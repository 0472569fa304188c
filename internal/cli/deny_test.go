package cli

import (
	"strings"
	"testing"
)

// TestDenyIdentity takes back what was signed without a key.
func TestDenyIdentity(t *testing.T) {
	w := newTrusting(t, "revoker")
	with := func(args ...string) []string {
		return append(args, "--list", "./deny.json", "--key", "revoker.key", "--stateless")
	}
	w.must(0, "", with("deny", "new")...)
	w.must(10, "needs --issuer", with("deny", "add", "signer-identity=ci@example.com", "--reason", "stolen")...)
	w.must(10, "signer-identity=", with("deny", "add", "signer-identity=", "--issuer", "https://login.example.com", "--reason", "stolen")...)
	w.must(0, "", with("deny", "add", "signer-identity=ci@example.com", "--issuer", "https://login.example.com", "--reason", "stolen")...)
	if out := w.must(0, "", "deny", "show", "./deny.json", "--json"); !strings.Contains(out, `"identity":{"issuer":"https://login.example.com","subject":"ci@example.com"}`) {
		t.Error(out)
	}
	w.must(0, "its platforms are not denied with it", with("deny", "add", "sha256:"+strings.Repeat("1", 64), "--reason", "it leaks")...)
	w.must(0, "", with("deny", "lift", "signer-identity=ci@example.com", "--issuer", "https://login.example.com")...)
	if out := w.must(0, "", "deny", "show", "./deny.json", "--json"); strings.Contains(out, "ci@example.com") {
		t.Error(out)
	}
}

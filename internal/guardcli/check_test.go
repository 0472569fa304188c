package guardcli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckSaysEverything has several files wrong at once, and roles that nobody has.
func TestCheckSaysEverything(t *testing.T) {
	const key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n" // of RFC 8410, section 10.1
	const signers = "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n"
	const policy = "policy: v1\nname: prod\nversion: 1\nrules:\n  - {name: a, match: [\"**\"], require: summary.reproduced, message: not reproduced, fix: build it}\n"
	for name, c := range map[string]struct {
		guard, trust, policy string
		code                 int
		says                 []string
	}{
		"all well":             {"policy: {file: policy.yaml}\n", signers, policy, 0, []string{"guard.yaml: ok"}},
		"trust file and rules": {"policy: {file: policy.yaml}\n", "trust: v1\n", "policy: v1\n", 10, []string{"trust.yaml:1:1", "policy.yaml:1:1"}},
		"rules alone":          {"policy: {file: policy.yaml}\n", signers, "policy: v1\n", 10, []string{"policy.yaml:1:1"}},
		"nobody signs rules":   {"policy: {from: registry.example.com/ops/policy}\n", signers, "", 10, []string{"A0653", "roles: [policy]"}},
		"nobody verifies":      {"policy: {file: policy.yaml}\nverdicts: accept\n", signers, policy, 0, []string{"guard.yaml: ok", "warning[A0901]", "roles: [verifier]"}},
		"nobody breaks glass":  {"policy: {file: policy.yaml}\nbreakGlass: .\n", signers, policy, 0, []string{"guard.yaml: ok", "warning[A0901]", "roles: [break-glass]"}},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"guard.yaml": "guard: v1\ntrust: trust.yaml\n" + c.guard, "trust.yaml": c.trust, "policy.yaml": c.policy, "release.pub": key} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, out, said := run(t, "check", "--config", filepath.Join(dir, "guard.yaml"))
		for _, want := range c.says {
			if code != c.code || !strings.Contains(out+said, want) {
				t.Errorf("%s: exit %d, want %d and %q\n%s%s", name, code, c.code, want, out, said)
			}
		}
	}
}

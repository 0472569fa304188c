package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

func TestMain(m *testing.M) {
	defer sigstore.Stop()
	m.Run()
}

// wrong runs a command that must end with this exit code and say that, before anything is built or asked.
func wrong(t *testing.T, env map[string]string, code int, says string, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	got := Main(t.Context(), args, Streams{Out: &out, Err: &errs, Env: func(k string) string { return env[k] }})
	if got != code || !strings.Contains(errs.String(), says) || out.Len() > 0 {
		t.Errorf("%v: exit %d, want %d with %q:\n%s%s", args, got, code, says, out.String(), errs.String())
	}
}

func TestIdentityFlags(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root.json")
	if err := os.WriteFile(root, []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	who, from := "--certificate-identity", "--certificate-oidc-issuer"
	for _, c := range []struct {
		says string
		args []string
	}{
		{"needs --key, --certificate-identity or --trust", nil},
		{"needs --key, --certificate-identity or --trust", []string{"--trusted-root", root}},
		{"needs `--trusted-root`", []string{who, "a", from, "https://x"}},
		{"`--certificate-oidc-issuer`", []string{who, "a", "--trusted-root", root}},
		{"needs --key, --certificate-identity or --trust", []string{from, "https://x", "--trusted-root", root}},
		{"2 identities and 3 times", []string{who, "a", who, "b", from, "x", from, "y", from, "z", "--trusted-root", root}},
		{"1 identities and 2 times", []string{"--certificate-identity-regexp", "a", from, "x", from, "y", "--trusted-root", root}},
		{"matches nothing at all", []string{"--certificate-identity-regexp", ".*", from, "x", "--trusted-root", root}},
		{"reading the trusted root", []string{who, "a", from, "x", "--trusted-root", filepath.Join(dir, "none")}},
	} {
		wrong(t, nil, 10, c.says, append([]string{"verify", dir}, c.args...)...)
	}
	f := identityFlags{root: root, subjects: []string{"a", "b"}, issuers: []string{"x", "y"}}
	_, rules, err := f.load()
	if err != nil || len(rules) != 2 {
		t.Fatalf("%v, %v", rules, err)
	}
}

func TestKeylessFlags(t *testing.T) {
	i := sigstore.Start(t)
	dir := t.TempDir()
	token := func(end time.Time) string {
		enc := base64.RawURLEncoding.EncodeToString
		return enc([]byte("{}")) + "." + enc(fmt.Appendf(nil, `{"sub":"x","exp":%d}`, end.Unix())) + "." + enc([]byte("secret"))
	}
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token(time.Now().Add(-time.Minute))), 0o600); err != nil {
		t.Fatal(err)
	}
	full := []string{"--keyless", "--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot}
	for _, c := range []struct {
		says string
		env  map[string]string
		args []string
	}{
		{"no instance that is used when none is named", nil, []string{"--keyless"}},
		{"no instance that is used when none is named", nil, full[:3]},
		{"are for `--keyless`", nil, full[1:]},
		{"two ways to sign", nil, append(full, "--key", "k")},
		{"contradict each other", nil, append(full, "--unsigned")},
		{"no identity token", nil, full},
		{"expired at", nil, append(full, "--identity-token", file)},
		{"reading the identity token", nil, append(full, "--identity-token", filepath.Join(dir, "none"))},
		{"cannot be read", map[string]string{"SIGSTORE_ID_TOKEN": "nonsense"}, full},
		{"reading the signing configuration", nil, []string{"--keyless", "--signing-config", i.TrustedRoot, "--trusted-root", i.TrustedRoot}},
		{"reading the trusted root", nil, []string{"--keyless", "--signing-config", i.SigningConfig, "--trusted-root", i.SigningConfig}},
	} {
		wrong(t, c.env, 10, c.says, append([]string{"build", dir}, c.args...)...)
	}
	// The help is for the command that was called.
	some := "sha256:" + strings.Repeat("a", 64)
	for command, says := range map[string]string{
		"audit x/y@" + some + " --keyless --trusted-root " + i.TrustedRoot + " --certificate-identity x --certificate-oidc-issuer https://x": "help: selfsame audit",
		"link scan image --keyless":                                 "selfsame link scan image --keyless --signing-config",
		"verify image --key k --vsa v --keyless":                    "selfsame verify image --keyless --signing-config",
		"verify x --key k --vsa v --sign-with q --signing-config c": "selfsame verify x --sign-with q --signing-config",
	} {
		wrong(t, nil, 10, says, strings.Fields(command)...)
	}
	// What is good before the build is taken, and read again after it.
	var errs bytes.Buffer
	a := &app{Streams: Streams{Err: &errs, Env: func(k string) string {
		return map[string]string{"SIGSTORE_ID_TOKEN": i.Issuer.Token(t, "x@selfsame.example", nil)}[k]
	}}}
	get, err := a.keylessSigner(keylessFlags{on: true, config: i.SigningConfig, root: i.TrustedRoot}, trust.Release)
	if err != nil {
		t.Fatal(err)
	}
	s, err := get()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signing.Sign(t.Context(), s, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"`+strings.Repeat("a", 64)+`"}}],"predicateType":"https://spdx.dev/Document","predicate":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := loadRoot(i.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (signing.Trust{Root: r}).Verify(bundle); err != nil || got.By.Identity.Subject != "x@selfsame.example" || errs.Len() > 0 {
		t.Errorf("by %v: %v; said %s", got.By, err, errs.String())
	}
}

// TestBrowser logs in at a real issuer with a browser that only follows links.
func TestBrowser(t *testing.T) {
	i := sigstore.Start(t)
	var out bytes.Buffer
	got, err := signing.Browser{In: strings.NewReader(""), Out: &out, Open: func(address string) error {
		go sigstore.Visit(context.Background(), address)
		return nil
	}}.Token(t.Context(), i.Issuer.URL)
	if err != nil || got.Expires().Before(time.Now()) {
		t.Fatalf("%v, %v\n%s", got.Expires(), err, out.String())
	}
}

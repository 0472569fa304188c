package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFrontAndWhole: bin/selfsame verifies what keys signed itself and becomes bin/selfsame-all for the rest, which nobody must see: the
// two give one answer, whatever comes by arguments and by the standard input.
func TestFrontAndWhole(t *testing.T) {
	self := program(t)
	dir := t.TempDir()
	put(t, filepath.Join(dir, "root.json"), `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`)
	put(t, filepath.Join(dir, "trust.yaml"), "trust: v1\nnobody: yes\n")
	front, whole := &machine{t: t, self: self, home: dir}, &machine{t: t, self: self + "-all", home: dir}
	if r := front.run(dir, words("key new --out k")...); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	who := "--certificate-identity a@example.com --certificate-oidc-issuer https://login.example.com"
	const nobody = "127.0.0.1:1/team/shop:v1\n127.0.0.1:1/team/shop:v2\n"
	tests := []struct {
		args, stdin string
		code        int
		says        string // on either stream
	}{
		{"verify --key k.pub 127.0.0.1:1/team/shop:v1", "", 17, "A0"},
		{"verify --key k.pub --from-file -", nobody, 17, "team/shop:v2"},
		{"verify --key k.key 127.0.0.1:1/team/shop:v1", "", 10, "A0503"},
		{"verify --key none 127.0.0.1:1/team/shop:v1", "", 10, "A0501"},
		{"verify --trust trust.yaml 127.0.0.1:1/team/shop:v1", "", 10, "nobody"},
		{"verify", "", 10, "A0316"},
		{"verify --key k.pub", "", 10, "A0316"},
		{"verify --help", "", 0, "--rebuilders"},
		{"verify --no-such-flag", "", 10, "A0316"},
		// Certificates are for the whole program, which must find the standard input as it was.
		{"verify --trusted-root root.json --from-file - " + who, nobody, 17, "team/shop:v2"},
		{"verify --trusted-root none --key k.pub 127.0.0.1:1/team/shop:v1", "", 10, "trusted root"},
		{"version", "", 0, "buildkit"},
		{"--json verify --key k.pub --from-file -", nobody, 17, "team/shop:v2"},
		{"verfy", "", 10, "did you mean `selfsame verify`"},
		{"", "", 0, "selfsame init"},
	}
	for _, tt := range tests {
		run := func(m *machine) result {
			cmd := m.command(dir, words(tt.args)...)
			cmd.Stdin = strings.NewReader(tt.stdin)
			return finish(t, cmd)
		}
		f, w := run(front), run(whole)
		if f != w {
			t.Errorf("%q: the front gives %d\n%s%s\nthe whole %d\n%s%s", tt.args, f.code, f.out, f.err, w.code, w.out, w.err)
		}
		if f.code != tt.code || !strings.Contains(f.out+f.err, tt.says) {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", tt.args, f.code, tt.code, tt.says, f.out, f.err)
		}
	}
}

// TestFrontAlone: without the whole program the front still verifies, and says what is missing for the rest.
func TestFrontAlone(t *testing.T) {
	self := program(t)
	dir := t.TempDir()
	if out, err := exec.Command("cp", self, filepath.Join(dir, "selfsame")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := &machine{t: t, self: filepath.Join(dir, "selfsame"), home: dir, env: []string{"PATH=" + dir}}
	if out, err := exec.Command(self, "key", "new", "--out", filepath.Join(dir, "k")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := os.Stat("/usr/local/sbin/selfsame-all"); err == nil {
		t.Skip("the whole program is installed on this machine")
	}
	for args, want := range map[string]string{
		"version": "A0704",
		"verify --trusted-root root.json --key k.pub 127.0.0.1:1/team/shop:v1": "A0704",
		"verify --key k.pub 127.0.0.1:1/team/shop:v1":                          "127.0.0.1:1",
	} {
		if r := m.run(dir, words(args)...); r.code != 17 || !strings.Contains(r.err, want) {
			t.Errorf("%q: exit %d, want 17 and %s\n%s%s", args, r.code, want, r.out, r.err)
		}
	}
}

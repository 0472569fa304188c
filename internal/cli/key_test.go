package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs one command as a user without a terminal, whose key password is "secret".
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	env := map[string]string{"HOME": t.TempDir(), "SELFSAME_KEY_PASSWORD": "secret"}
	code = Main(t.Context(), args, Streams{Out: &o, Err: &e, Env: func(name string) string { return env[name] }})
	return code, o.String(), e.String()
}

// TestKeyShow shows both halves of a new key alike, as text, JSON and PEM.
func TestKeyShow(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "k")
	if code, _, errs := run(t, "key", "new", "--out", prefix, "--algorithm", "ed25519"); code != 0 {
		t.Fatal(errs)
	}
	public, err := os.ReadFile(prefix + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, half := range []string{".key", ".pub"} {
		code, out, errs := run(t, "key", "show", "--json", prefix+half)
		var got struct {
			SchemaVersion                      int
			Algorithm, Hint, PublicKey, Pinned string
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.SchemaVersion != 1 || got.Algorithm != "ed25519" || len(got.Hint) != 44 || got.PublicKey != string(public) || got.Pinned != "" {
			t.Errorf("%s: %d %+v %s", half, code, got, errs)
		}
		if _, out, errs := run(t, "key", "show", "--pem", prefix+half); out != string(public) {
			t.Errorf("%s: %s%s", half, out, errs)
		}
		_, text, _ := run(t, "key", "show", prefix+half)
		if !strings.HasPrefix(text, "algorithm  ed25519\nsha256     "+got.Hint+"\n-----BEGIN PUBLIC KEY-----\n") {
			t.Errorf("%s: %s", half, text)
		}
		texts = append(texts, text)
	}
	if texts[0] != texts[1] {
		t.Errorf("the halves differ: %q", texts)
	}
}

// TestKeyRefusals: what is wrong is said before anything is made, with no secret in the words.
func TestKeyRefusals(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "k")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{10, "choose one of ecdsa-sha2-256-nistp256", []string{"key", "new", "--out", out, "--algorithm", "rsa"}},
		{10, "A0580", []string{"key", "show", "pkcs11:token=t"}},
		{10, "pin-value would show", []string{"key", "show", "pkcs11:object=o?pin-value=9876"}},
		{17, "sigstore-kms-nosuch", []string{"key", "show", "nosuch://key"}},
		{10, "no such file", []string{"key", "show", filepath.Join(dir, "gone")}},
		{10, "A0580", []string{"verify", dir, "--key", "nosuch://key"}},
		{17, "A0581", []string{"verify", dir, "--key", "nosuch://key#sha256=" + strings.Repeat("A", 43) + "="}},
	} {
		code, _, errs := run(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, "9876") {
			t.Errorf("%q: exit %d, want %d with %q\n%s", c.args, code, c.code, c.want, errs)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

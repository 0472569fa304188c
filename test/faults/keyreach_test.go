package faults

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// masked is secrets as the seeker takes them.
func masked(secrets ...[]byte) []string {
	var out []string
	for _, s := range secrets {
		m := make([]byte, len(s))
		for i, b := range s {
			m[i] = ^b
		}
		out = append(out, hex.EncodeToString(m))
	}
	return out
}

// seeker builds the step that looks for secrets.
func seeker(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seeker")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./testdata/seeker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the step: %v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestKeyOutOfReach: while an image is built, signed and pushed, a step looks for the key, its password, a token's PIN and an identity's token, in its
// environment, every process, open file, mount, socket, secret and agent, and on the network. On both twins it finds nothing. The same step is
// handed the key while recording, as a secret, and in the source, and then finds it: the search is one.
func TestKeyOutOfReach(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	var nonce [12]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		t.Fatal(err)
	}
	password := fmt.Sprintf("password-%x", nonce)
	pin := fmt.Sprintf("pin-%x", nonce)
	token := fmt.Sprintf("token-%x", nonce) // of an identity: whoever has it signs as that
	keys := t.TempDir()
	pinFile := filepath.Join(keys, "pin")
	put(t, pinFile, pin)
	m = m.on(t, "SELFSAME_KEY_PASSWORD="+password, "COSIGN_PKCS11_PIN="+pin, "SIGSTORE_ID_TOKEN="+token, "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+token, "SSH_AUTH_SOCK="+filepath.Join(keys, "agent.sock"))
	m.must(0, keys, words("key new --out release"))
	key, err := os.ReadFile(filepath.Join(keys, "release.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	body := bytes.Split(key, []byte("\n"))[3] // a line of base64
	program := seeker(t)
	args := masked(body, block.Bytes[100:140], []byte(password), []byte(pin), []byte(pinFile), []byte(token))

	project := func(step string) string {
		dir := dockerfile(t, "FROM scratch\nCOPY . /\n"+step+` ["/seeker", "/report", "`+strings.Join(args, `", "`)+"\"]\n")
		if err := os.WriteFile(filepath.Join(dir, "seeker"), program, 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		return dir
	}
	t.Run("nothing is found", func(t *testing.T) {
		m := m.on(t, m.env...)
		dir := project("RUN")
		put(t, filepath.Join(dir, "release.key"), string(key)) // where many keep it
		reg := newRegistry(t, nil)
		m.must(0, dir, words("lock -q"))
		r := m.must(0, dir, words("build --no-cache --progress plain --key release.key --push="+reg.host+"/team/app:1"))
		if strings.Contains(r.err+r.out, password) || strings.Contains(r.err+r.out, pin) || strings.Contains(r.err+r.out, token) {
			t.Errorf("a secret is shown:\n%s", r.err)
		}
		m.must(0, dir, words("verify "+reg.host+"/team/app:1 --key "+filepath.Join(keys, "release.pub")))
		report := fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/report") // the same on both twins, or there were no image
		if strings.Contains(report, "found") {
			t.Errorf("the step found something:\n%s", report)
		}
		for _, place := range []string{"the environment", "processes", "open files", "files", "the kernel's lists", "sockets", "the network"} {
			if !strings.Contains(report, "looked into "+place+"\n") {
				t.Errorf("the step did not look into %s:\n%s", place, report)
			}
		}
		plain := filepath.Join(dir, "plain.key") // no format that is known by its first line
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		put(t, plain, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		m.must(0, dir, words("build -q --key plain.key"))
		if _, there := entries(t, filepath.Join(dir, "selfsame-out", "image"))["/plain.key"]; there {
			t.Error("the key that signs the image is in it")
		}
	})
	t.Run("what is there is found", func(t *testing.T) {
		m := m.on(t, m.env...)
		dir := project("RUN --mount=type=secret,id=key")
		put(t, filepath.Join(dir, "notes"), "my password is "+password+", and "+token)
		r := m.must(0, dir, words("lock --progress plain --secret id=key,src="+filepath.Join(keys, "release.key")))
		for _, want := range []string{"found 0 in files: /run/secrets/key", "found 2 in files: /notes", "found 5 in files: /notes"} {
			if !strings.Contains(r.err, want) {
				t.Errorf("not seen: %s\n%s", want, r.err)
			}
		}
		m.must(0, dir, words("build -q"))
		report := fileOf(t, filepath.Join(dir, "selfsame-out", "image"), "/report")
		if !strings.Contains(report, "found 2 in files: /notes\n") || strings.Contains(report, "found 0") {
			t.Errorf("of a sealed build: %s", report)
		}
	})
}

package signing_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/trust"
)

// kms is a KMS of the test's, reached by sigstore's plugin protocol.
type kms struct {
	t   *testing.T
	dir string
}

func newKMS(t *testing.T) *kms {
	t.Helper()
	k := &kms{t, t.TempDir()}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(k.dir, "sigstore-kms-testkms"), "./testdata/kms").CombinedOutput(); err != nil {
		t.Fatalf("building a KMS: %v\n%s", err, out)
	}
	return k
}

func (k *kms) put(name, text string) {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// rotate makes key the current version.
func (k *kms) rotate(key any) {
	k.t.Helper()
	k.put("version", string(pem.EncodeToMemory(pkcs8(k.t, key))))
	k.put("current", "version")
}

func (k *kms) ref() string { return "testkms://" + k.dir }

func (k *kms) options() signing.OpenOptions {
	return signing.OpenOptions{Role: trust.Release, Password: []byte("of another key"), Programs: plugin.Programs{
		Env: os.Environ(), Find: func(name string) (string, error) { return exec.LookPath(filepath.Join(k.dir, name)) },
	}}
}

func rsa2048(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKMS signs with each kind of key in a KMS, and verifies with the key by its pinned name.
func TestKMS(t *testing.T) {
	k := newKMS(t)
	for name, key := range someKeys(t) {
		k.rotate(key)
		s, err := signing.Open(t.Context(), k.ref(), k.options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		bundle, err := signing.Sign(t.Context(), s, said["match"])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := signing.OpenVerifier(t.Context(), k.ref()+"#sha256="+s.Key().Hint, k.options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, by, err := verifyKey(bundle, v); err != nil || by != s.Key() || by.Algorithm != name {
			t.Errorf("%s: %v, %v", name, by, err)
		}
		if _, err := signing.Sign(t.Context(), s, said["mismatch"]); err == nil {
			t.Errorf("%s: a finding is signed with a release key in a KMS", name)
		}
	}
}

// TestKMSVersions: a name whose key was rotated is another key, whoever asks.
func TestKMSVersions(t *testing.T) {
	k := newKMS(t)
	first := p256(t)
	k.rotate(first)
	_, err := signing.OpenVerifier(t.Context(), k.ref(), k.options())
	wantCode(t, err, "A0580") // not pinned
	v, err := signing.PublicKey(t.Context(), k.ref(), k.options())
	if err != nil {
		t.Fatal(err)
	}
	pinned := k.ref() + "#sha256=" + v.Key().Hint
	s, err := signing.Open(t.Context(), pinned, k.options())
	if err != nil {
		t.Fatal(err)
	}
	k.rotate(p256(t))
	_, err = signing.Sign(t.Context(), s, said["provenance"])
	wantCode(t, err, "A0583")
	_, err = signing.OpenVerifier(t.Context(), pinned, k.options())
	wantCode(t, err, "A0583")
	_, err = signing.Open(t.Context(), pinned, k.options())
	wantCode(t, err, "A0583")
	k.rotate(first)
	_, err = signing.Sign(t.Context(), s, said["provenance"])
	wantCode(t, err, "A0583") // a signer that failed once stays so
	if _, err := signing.OpenVerifier(t.Context(), pinned, k.options()); err != nil {
		t.Error(err)
	}
}

// TestKMSFaults: keys that do not sign as the world verifies, and names that lead nowhere.
func TestKMSFaults(t *testing.T) {
	k := newKMS(t)
	k.rotate(rsa2048(t))
	_, err := signing.Open(t.Context(), k.ref(), k.options())
	wantCode(t, err, "A0504")
	r, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	k.rotate(r)
	if _, err := signing.Open(t.Context(), k.ref(), k.options()); err != nil {
		t.Error(err)
	}
	k.put("pss", "")
	_, err = signing.Open(t.Context(), k.ref(), k.options())
	wantCode(t, err, "A0583")
	_, err = signing.Open(t.Context(), k.ref()+"/gone", k.options())
	wantCode(t, err, "A0582")
	_, err = signing.Open(t.Context(), "otherkms://x", k.options())
	wantCode(t, err, "A0581")
	for _, ref := range []string{"", "testkms://", "../up://x", "TESTKMS://x", "https://example.com/key#sha256=x"} {
		_, err := signing.Open(t.Context(), ref, k.options())
		if err == nil || strings.Contains(err.Error(), "sigstore-kms-..") {
			t.Errorf("%q: %v", ref, err)
		}
	}
	_, err = signing.Open(t.Context(), filepath.Join(k.dir, "gone.key"), k.options())
	wantCode(t, err, "A0501")
}

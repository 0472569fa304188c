package signing_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

// TestAlgorithms makes, encrypts, reads and uses a key of each kind. All of them sign one statement in one way only.
func TestAlgorithms(t *testing.T) {
	want := []string{"ecdsa-sha2-256-nistp256", "ecdsa-sha2-384-nistp384", "ed25519", "rsa-sign-pkcs1-3072-sha256", "rsa-sign-pkcs1-4096-sha256"}
	if got := signing.Algorithms(); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	for _, name := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			private, public, err := signing.NewKeyOf(name, []byte("secret"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(private, []byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")) {
				t.Errorf("not cosign's format: %.60s", private)
			}
			s, err := signing.LoadSigner(private, []byte("secret"))
			if err != nil {
				t.Fatal(err)
			}
			v, err := signing.LoadVerifier(public)
			if err != nil || v.Key() != s.Key() || v.Key().Algorithm != name {
				t.Fatalf("%v, %v, %v", v.Key(), s.Key(), err)
			}
			_, err = signing.LoadSigner(private, []byte("Secret"))
			wantCode(t, err, "A0502")
			bundle := sign(t, s, statement)
			if again := sign(t, s, statement); !bytes.Equal(bundle, again) {
				t.Error("signing twice gave two bundles")
			}
			payload, by, err := verifyKey(bundle, newKey(t).Verifier(), v)
			if err != nil || string(payload) != statement || by != v.Key() {
				t.Errorf("%s, %v, %v", payload, by, err)
			}
		})
	}
	_, _, err := signing.NewKeyOf("rsa-sign-pkcs1-2048-sha256", nil)
	wantCode(t, err, "A0504")
	_, _, err = signing.NewKeyOf("", nil)
	wantCode(t, err, "A0504")
}

// TestPlainKeys reads keys as openssl and others write them.
func TestPlainKeys(t *testing.T) {
	for name, key := range someKeys(t) {
		blocks := []*pem.Block{pkcs8(t, key)}
		switch k := key.(type) {
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			blocks = append(blocks, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
		case *rsa.PrivateKey:
			blocks = append(blocks, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
		}
		for _, b := range blocks {
			s, err := signing.LoadSigner(pem.EncodeToMemory(b), []byte("ignored"))
			if err != nil {
				t.Errorf("%s, %s: %v", name, b.Type, err)
				continue
			}
			if _, _, err := verifyKey(sign(t, s, statement), s.Verifier()); err != nil || s.Key().Algorithm != name {
				t.Errorf("%s, %s: %v %v", name, b.Type, s.Key(), err)
			}
		}
	}
}

// TestKeysThatAreNotTaken: curves and sizes that we do not sign with, and keys that are none.
func TestKeysThatAreNotTaken(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"P-224": p224, "P-521": p521, "RSA 2048": rsa2048} {
		_, err := signing.LoadSigner(pem.EncodeToMemory(pkcs8(t, key)), nil)
		t.Run(name, func(t *testing.T) { wantCode(t, err, "A0504") })
	}
	if v, err := signing.LoadVerifier(spki(t, &rsa2048.PublicKey)); err != nil || v.Key().Algorithm != "rsa-sign-pkcs1-2048-sha256" {
		t.Errorf("other people's RSA keys of 2048 bits do not verify: %v", err)
	}

	point, err := p256(t).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point[64] ^= 1
	modulus := func(bits uint) *big.Int {
		return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1))
	}
	for name, c := range map[string]struct {
		pem  []byte
		want diag.Code
	}{
		"P-521":                     {spki(t, &p521.PublicKey), "A0504"},
		"RSA 1024":                  {rawRSA(t, modulus(1024), 65537), "A0504"},
		"RSA 3071":                  {rawRSA(t, modulus(3071), 65537), "A0504"},
		"RSA 8192":                  {rawRSA(t, modulus(8192), 65537), "A0504"},
		"RSA e=3":                   {rawRSA(t, modulus(3072), 3), "A0504"},
		"RSA even e":                {rawRSA(t, modulus(3072), 65538), "A0504"},
		"RSA e=1":                   {rawRSA(t, modulus(3072), 1), "A0504"},
		"a point on no curve":       {rawSPKI(t, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, point), "A0501"},
		"the point at infinity":     {rawSPKI(t, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, []byte{0}), "A0501"},
		"two blocks":                {append(spki(t, &p521.PublicKey), spki(t, &rsa2048.PublicKey)...), "A0501"},
		"damaged":                   {bytes.Replace(spki(t, &rsa2048.PublicKey), []byte("MIIB"), []byte("MIIC"), 1), "A0501"},
		"bytes after the structure": {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: append(derOf(t, spki(t, &rsa2048.PublicKey)), 0)}), "A0501"},
	} {
		_, err := signing.LoadVerifier(c.pem)
		t.Run(name, func(t *testing.T) { wantCode(t, err, c.want) })
	}
}

// TestKeyOfAnotherAlgorithm: the hint of a bundle names one key, another one signed. It counts for the one that signed, or for nobody.
func TestKeyOfAnotherAlgorithm(t *testing.T) {
	ec := newKey(t)
	edPEM, _, err := signing.NewKeyOf("ed25519", nil)
	if err != nil {
		t.Fatal(err)
	}
	ed, err := signing.LoadSigner(edPEM, nil)
	if err != nil {
		t.Fatal(err)
	}
	lies := []byte(strings.Replace(string(sign(t, ed, statement)), ed.Key().Hint, ec.Key().Hint, 1))
	_, _, err = verifyKey(lies, ec.Verifier())
	wantCode(t, err, "A0506")
	if _, by, err := verifyKey(lies, ec.Verifier(), ed.Verifier()); err != nil || by != ed.Key() {
		t.Errorf("%v, %v", by, err)
	}
}

// TestEd25519Signatures: a wrong length, the other variant of RFC 8032, and nothing else.
func TestEd25519Signatures(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.LoadSigner(pem.EncodeToMemory(pkcs8(t, key)), nil)
	if err != nil {
		t.Fatal(err)
	}
	good := string(sign(t, s, statement))
	pae := dsse.PAE(signing.PayloadType, []byte(statement))
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(key, pae))
	if !strings.Contains(good, sig) {
		t.Fatal("the bundle is not signed with pure Ed25519 over the PAE")
	}
	h := crypto.SHA512.New()
	h.Write(pae)
	prehashed, err := key.Sign(nil, h.Sum(nil), crypto.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	context, err := key.Sign(nil, pae, &ed25519.Options{Context: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sig  []byte
		want diag.Code
	}{
		"63 bytes":     {ed25519.Sign(key, pae)[:63], "A0506"},
		"65 bytes":     {append(ed25519.Sign(key, pae), 0), "A0506"},
		"prehashed":    {prehashed, ""},
		"in a context": {context, "A0506"},
		"of the hash":  {ed25519.Sign(key, h.Sum(nil)), "A0506"},
	} {
		_, _, err := verifyKey([]byte(strings.Replace(good, sig, base64.StdEncoding.EncodeToString(c.sig), 1)), s.Verifier())
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.want != "" {
			t.Run(name, func(t *testing.T) { wantCode(t, err, c.want) })
		}
	}
}

// someKeys has a key of each kind that signs, by the name of its algorithm.
func someKeys(t *testing.T) map[string]any {
	t.Helper()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"ecdsa-sha2-256-nistp256": p256(t), "ecdsa-sha2-384-nistp384": p384, "ed25519": ed, "rsa-sign-pkcs1-3072-sha256": r}
}

func p256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func spki(t *testing.T, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func derOf(t *testing.T, data []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(data)
	return block.Bytes
}

// rawRSA encodes a public key that crypto/rsa would not make.
func rawRSA(t *testing.T, n *big.Int, e int) []byte {
	t.Helper()
	key, err := asn1.Marshal(struct {
		N *big.Int
		E int
	}{n, e})
	if err != nil {
		t.Fatal(err)
	}
	return encodeSPKI(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.NullBytes, key)
}

// rawSPKI encodes an elliptic public key with any point.
func rawSPKI(t *testing.T, curve, point []byte) []byte {
	t.Helper()
	return encodeSPKI(t, asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, curve, point)
}

func encodeSPKI(t *testing.T, kind asn1.ObjectIdentifier, parameters, key []byte) []byte {
	t.Helper()
	type algorithm struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}
	der, err := asn1.Marshal(struct {
		Algorithm algorithm
		Key       asn1.BitString
	}{algorithm{kind, asn1.RawValue{FullBytes: parameters}}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/signature"
)

// TestRegistryOfAlgorithms holds names and hashes to sigstore's registry: for each kind of key, what stock clients take for it.
func TestRegistryOfAlgorithms(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range makers {
		key, err := m.make()
		if err != nil {
			t.Fatal(err)
		}
		seen[m.name] = true
		asSigstore(t, key.Public(), m.algorithm)
	}
	key, err := rsaKey(2048)() // read, and not made
	if err != nil {
		t.Fatal(err)
	}
	asSigstore(t, key.Public(), rsa2048)
	if len(seen) != 5 || seen[rsa2048.name] {
		t.Errorf("keys are made for %v", seen)
	}
}

func asSigstore(t *testing.T, public crypto.PublicKey, want algorithm) {
	t.Helper()
	entry, err := signature.GetDefaultAlgorithmDetails(public)
	if err != nil {
		t.Fatal(err)
	}
	name, err := signature.FormatSignatureAlgorithmFlag(entry.GetSignatureAlgorithm())
	if err != nil || name != want.name || entry.GetHashType() != want.hash {
		t.Errorf("sigstore says %s with %v (%v), and we %s with %v", name, entry.GetHashType(), err, want.name, want.hash)
	}
	if got, err := algorithmOf(public); err != nil || got != want {
		t.Errorf("%s is taken for %+v, %v", want.name, got, err)
	}
}

// TestPreAuthEncoding holds what is signed to the library of those who wrote DSSE.
func TestPreAuthEncoding(t *testing.T) {
	for _, payload := range []string{"", "x", `{"_type":"https://in-toto.io/Statement/v1"}`, "\x00\xff ü\n", string(bytes.Repeat([]byte("a"), 100_000))} {
		for _, kind := range []string{PayloadType, "", "http://example.com/HelloWorld", "ü ü"} {
			if got, want := pae(kind, []byte(payload)), dsse.PAE(kind, []byte(payload)); !bytes.Equal(got, want) {
				t.Errorf("of %q, %.20q: %.60q, the library says %.60q", kind, payload, got, want)
			}
		}
	}
	// The example of the specification.
	if got := string(pae("http://example.com/HelloWorld", []byte("hello world"))); got != "DSSEv1 29 http://example.com/HelloWorld 11 hello world" {
		t.Error(got)
	}
}

// TestSigstoreTakesWhatWeTake: what a key is found to have signed, stock verifiers find too, and the other way round, but for one thing: they
// also take ECDSA as two bare numbers (IEEE P1363), which gives one signature two forms.
func TestSigstoreTakesWhatWeTake(t *testing.T) {
	message := []byte("what is signed")
	for _, m := range makers {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			private, err := m.make()
			if err != nil {
				t.Fatal(err)
			}
			s, err := signerOf(private)
			if err != nil {
				t.Fatal(err)
			}
			sig, err := s.sign(t.Context(), message)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := loadVerifier(private.Public(), m.algorithm)
			if err != nil {
				t.Fatal(err)
			}
			both := func(message, sig []byte, want bool) {
				t.Helper()
				ours := s.public.holds(message, sig)
				stock := theirs.VerifySignature(bytes.NewReader(sig), bytes.NewReader(message)) == nil
				if ours != want || stock != want {
					t.Errorf("%x: ours %v, theirs %v, want %v", sig, ours, stock, want)
				}
			}
			both(message, sig, true)
			both(append(bytes.Clone(message), '.'), sig, false)
			both(message, nil, false)
			both(message, sig[:len(sig)-1], false)
			both(message, append(bytes.Clone(sig), 0), false)
			for i := range sig {
				bad := bytes.Clone(sig)
				bad[i] ^= 1
				both(message, bad, false)
			}
		})
	}
}

// TestOneFormOfECDSA: the same signature as two bare numbers, which stock verifiers take, is refused: one signature has one form.
func TestOneFormOfECDSA(t *testing.T) {
	message := []byte("what is signed")
	for _, m := range makers[:2] { // P-256 and P-384
		private, err := m.make()
		if err != nil {
			t.Fatal(err)
		}
		s, err := signerOf(private)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := s.sign(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		var numbers struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(sig, &numbers); err != nil {
			t.Fatal(err)
		}
		half := private.Public().(*ecdsa.PublicKey).Params().BitSize / 8
		bare := append(numbers.R.FillBytes(make([]byte, half)), numbers.S.FillBytes(make([]byte, half))...)
		theirs, err := loadVerifier(private.Public(), m.algorithm)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.VerifySignature(bytes.NewReader(bare), bytes.NewReader(message)); err != nil {
			t.Errorf("%s: these are not the numbers that were signed: %v", m.name, err)
		}
		if s.public.holds(message, bare) {
			t.Errorf("%s: a second form of a signature is taken", m.name)
		}
	}
}

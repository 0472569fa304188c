package signing

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestWycheproof tries the signatures that have fooled other verifiers (C2SP's project Wycheproof) against each kind of key: all that are
// wrong are refused, all that are right are taken unless their key is of a kind that we do not take.
func TestWycheproof(t *testing.T) {
	cmd := exec.Command("go", "mod", "download", "-json", "github.com/c2sp/wycheproof")
	cmd.Dir = filepath.Join("testdata", "wycheproof")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("SKIPPED: the vectors cannot be downloaded: %v\n%s", err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ wrong, right, refusedKeys int }{
		"ecdsa_secp256r1_sha256_test.json":    {310, 174, 0},
		"ecdsa_secp384r1_sha384_test.json":    {310, 194, 0},
		"ed25519_test.json":                   {63, 88, 0},
		"rsa_signature_2048_sha256_test.json": {250, 7, 2},
		"rsa_signature_3072_sha256_test.json": {251, 7, 1},
		"rsa_signature_4096_sha256_test.json": {251, 7, 0},
	} {
		data, err := os.ReadFile(filepath.Join(module.Dir, "testvectors_v1", name))
		if err != nil {
			t.Fatal(err)
		}
		var vectors struct {
			TestGroups []struct {
				PublicKeyPem string
				Tests        []struct {
					TcID                      int
					Comment, Msg, Sig, Result string
				}
			}
		}
		if err := json.Unmarshal(data, &vectors); err != nil {
			t.Fatal(err)
		}
		got := want
		got.wrong, got.right, got.refusedKeys = 0, 0, 0
		for _, g := range vectors.TestGroups {
			v, err := LoadVerifier([]byte(g.PublicKeyPem))
			if err != nil {
				got.refusedKeys++
				t.Logf("%s: %v", name, err)
				continue
			}
			for _, c := range g.Tests {
				message, sig := unhex(t, c.Msg), unhex(t, c.Sig)
				taken := v.holds(message, sig)
				switch {
				case c.Result == "invalid" && taken:
					t.Errorf("%s %d: a wrong signature is taken: %s", name, c.TcID, c.Comment)
				case c.Result == "valid" && !taken:
					t.Errorf("%s %d: a right signature is refused: %s", name, c.TcID, c.Comment)
				case taken:
					got.right++
				default:
					got.wrong++
				}
			}
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

package sigstore

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// logName is the log's origin, as its checkpoints have it.
const logName = "rekor.local"

func (i *Instance) logKey() error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(i.dir, "log"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(i.dir, "log.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// describe writes trusted_root.json and signing_config.json, as whoever runs an instance hands them to its users. What is trusted is
// read from the services here, and nowhere else.
func (i *Instance) describe() error {
	ca, err := i.caChain()
	if err != nil {
		return err
	}
	chain, err := get(i.TSA + "/certchain")
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(i.dir, "log.pem"))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(raw)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	public := private.(ed25519.PrivateKey).Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	start := map[string]any{"start": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}
	// The id of a log with an Ed25519 key: C2SP signed-note, the whole hash.
	id := sha256.Sum256(append([]byte(logName+"\n\x01"), public...))
	authority := func(uri, pems string) map[string]any {
		return map[string]any{"subject": map[string]string{"organization": "selfsame", "commonName": "test"}, "uri": uri,
			"certChain": map[string]any{"certificates": certificates(pems)}, "validFor": start}
	}
	root := map[string]any{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"certificateAuthorities": []any{authority(i.CA, ca)},
		"timestampAuthorities":   []any{authority(i.TSA, string(chain))},
		"tlogs": []any{map[string]any{"baseUrl": "http://" + logName, "hashAlgorithm": "SHA2_256", "logId": map[string]any{"keyId": id[:]},
			"publicKey": map[string]any{"rawBytes": der, "keyDetails": "PKIX_ED25519", "validFor": start}}},
	}
	service := func(url string, version int) []any {
		return []any{map[string]any{"url": url, "majorApiVersion": version, "operator": "test", "validFor": start}}
	}
	config := map[string]any{
		"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		"caUrls":    service(i.CA, 1), "oidcUrls": service(i.Issuer.URL, 1), "tsaUrls": service(i.TSA, 1), "rekorTlogUrls": service(i.Log, 2),
		"rekorTlogConfig": map[string]string{"selector": "ANY"}, "tsaConfig": map[string]string{"selector": "ANY"},
	}
	i.TrustedRoot, i.SigningConfig = filepath.Join(i.dir, "trusted_root.json"), filepath.Join(i.dir, "signing_config.json")
	return errors.Join(write(i.TrustedRoot, root), write(i.SigningConfig, config))
}

func (i *Instance) caChain() (string, error) {
	raw, err := get(i.CA + "/api/v2/trustBundle")
	if err != nil {
		return "", err
	}
	var bundle struct {
		Chains []struct {
			Certificates []string `json:"certificates"`
		} `json:"chains"`
	}
	if err := json.Unmarshal(raw, &bundle); err != nil {
		return "", err
	}
	if len(bundle.Chains) != 1 {
		return "", errors.New("the certificate authority has no one chain")
	}
	return strings.Join(bundle.Chains[0].Certificates, "\n"), nil
}

// certificates are PEM blocks as a trusted root has them.
func certificates(pems string) []any {
	var out []any
	for rest := []byte(pems); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out
		}
		out = append(out, map[string]any{"rawBytes": block.Bytes})
	}
}

func write(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

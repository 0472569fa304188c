package intoto

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/selfsame-build/selfsame/trust"
)

// document is a layout as it is written: in-toto's (in_toto.Layout), with identities among its keys.
type document struct {
	Type            string                 `json:"_type"`
	Steps           []in_toto.Step         `json:"steps"`
	Inspect         []in_toto.Inspection   `json:"inspect"`
	Keys            map[string]key         `json:"keys"`
	RootCas         map[string]in_toto.Key `json:"rootcas,omitempty"`
	IntermediateCas map[string]in_toto.Key `json:"intermediatecas,omitempty"`
	Expires         string                 `json:"expires"`
	Readme          string                 `json:"readme"`
}

// key is in_toto.Key, or an identity in the form that securesystemslib (SigstoreKey) and TUF (TAP 18) give it: a key of the type
// sigstore-oidc whose value is who vouches and for whom. The certificate that a signature brings proves it, and not the key in there,
// which lives for minutes. In-toto's own constraints of certificates know no issuer: whoever any issuer calls so would be meant.
type key struct {
	KeyID               string   `json:"keyid"`
	KeyIDHashAlgorithms []string `json:"keyid_hash_algorithms,omitempty"`
	KeyType             string   `json:"keytype"`
	KeyVal              keyVal   `json:"keyval"`
	Scheme              string   `json:"scheme"`
}

type keyVal struct {
	Private     string `json:"private,omitempty"`
	Public      string `json:"public,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Identity    string `json:"identity,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
}

// What a key that is an identity says of itself.
const (
	identityType   = "sigstore-oidc"
	identityScheme = "Fulcio"
)

// keyOf describes a public key.
func keyOf(k in_toto.Key) key {
	return key{k.KeyID, k.KeyIDHashAlgorithms, k.KeyType, keyVal{k.KeyVal.Private, k.KeyVal.Public, k.KeyVal.Certificate, "", ""}, k.Scheme}
}

// plain is a key as in-toto's library has it.
func (k key) plain() in_toto.Key {
	return in_toto.Key{KeyID: k.KeyID, KeyIDHashAlgorithms: k.KeyIDHashAlgorithms, KeyType: k.KeyType, Scheme: k.Scheme,
		KeyVal: in_toto.KeyVal{Private: k.KeyVal.Private, Public: k.KeyVal.Public, Certificate: k.KeyVal.Certificate}}
}

// newIdentity describes an identity. Its key id is the digest of the canonical JSON of all the rest, as securesystemslib makes it.
func newIdentity(id trust.Identity) (key, error) {
	k := key{KeyType: identityType, Scheme: identityScheme, KeyVal: keyVal{Identity: id.Subject, Issuer: id.Issuer}}
	if _, err := k.identity(); err != nil {
		return k, err
	}
	var canonical bytes.Buffer
	enc := json.NewEncoder(&canonical) // of names in order, and of texts in which nothing is escaped: that is canonical JSON
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		KeyType string `json:"keytype"`
		KeyVal  keyVal `json:"keyval"`
		Scheme  string `json:"scheme"`
	}{k.KeyType, k.KeyVal, k.Scheme})
	if err != nil {
		return k, fmt.Errorf("describing an identity: %w", err)
	}
	sum := sha256.Sum256(bytes.TrimSuffix(canonical.Bytes(), []byte("\n")))
	k.KeyID = hex.EncodeToString(sum[:])
	return k, nil
}

// identity reads a key that is an identity: both parts to the letter, and nothing that a key would have.
func (k key) identity() (trust.Identity, error) {
	id := trust.Identity{Issuer: k.KeyVal.Issuer, Subject: k.KeyVal.Identity}
	switch {
	case k.Scheme != identityScheme:
		return id, fmt.Errorf("the scheme of an identity is %.40q, not %q", k.Scheme, identityScheme)
	case k.KeyVal.Private != "" || k.KeyVal.Public != "" || k.KeyVal.Certificate != "":
		return id, errors.New("it is an identity, and holds a key or certificate")
	case id.Issuer == "" || id.Subject == "":
		return id, errors.New("an identity needs an issuer and a subject: a subject without its issuer is anybody who calls himself so")
	case strings.ContainsFunc(id.Issuer+id.Subject, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
		return id, errors.New("the identity has characters that none has")
	case len(id.Issuer)+len(id.Subject) > 2*maxPath:
		return id, errors.New("the identity is too long")
	}
	return id, nil
}

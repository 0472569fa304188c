// Package signing turns an in-toto statement into a signed sigstore bundle and back.
//
// A bundle holds one DSSE envelope with one signature, and says by a hint (the hash of the public key) whose it is. That is
// the form that `cosign attest --key` stores beside an image, so stock cosign verifies what is signed here; signing with a
// key alone uses no transparency log and no timestamp, and therefore says nothing of when. Stamped adds both.
//
// Signing with a key file is deterministic (ECDSA by RFC 6979, Ed25519, RSA by PKCS #1 v1.5): one statement and one key give one bundle, byte
// for byte, so that publishing twice stores one artifact. A token or a KMS makes another ECDSA signature every time.
//
// A key signs in a role (trust.Role), and Sign refuses what its role may not say.
//
// Without a key (NewKeyless) an instance of sigstore vouches for whoever a token names: a bundle then holds a certificate that lived
// for minutes, a timestamp that says that it lived when it was used, and an entry in a public log.
//
// Verify returns the very bytes over which the signature held. Callers decode those and nothing else: a second decoding of
// the envelope could see something that was never signed.
package signing

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/provenance"
)

const (
	// BundleMediaType is the type of a sigstore bundle v0.3, as a media type of its blob and as the artifactType of the
	// manifest that carries it.
	BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// PayloadType is the one DSSE payload type that is signed and accepted: an in-toto statement.
	PayloadType = "application/vnd.in-toto+json"

	// MaxPayload bounds a statement in bytes. An SBOM statement of 700 packages has about 2 MiB, provenance of 50,000 inputs, which holds
	// their lock too, 45.
	MaxPayload = 64 << 20
	// MaxBundle bounds a bundle in bytes: the payload in base64 and room for the envelope.
	MaxBundle = MaxPayload/3*4 + 64<<10
	// maxSignature bounds a signature in bytes; ECDSA P-256 in DER has at most 72, RSA of 4096 bits 512.
	maxSignature = 1 << 10
)

// bundle is sigstore's bundle (sigstore/protobuf-specs, sigstore_bundle.proto). What a key's signature does not need stays undecoded
// here (material.go decodes it): without a trusted root, log entries and timestamps may be there, and nothing is concluded from them.
type bundle struct {
	MediaType            string               `json:"mediaType"`
	VerificationMaterial verificationMaterial `json:"verificationMaterial"`
	Envelope             *envelope            `json:"dsseEnvelope,omitempty"`
	MessageSignature     json.RawMessage      `json:"messageSignature,omitempty"`
}

type verificationMaterial struct {
	PublicKey     *publicKey        `json:"publicKey,omitempty"`
	Certificate   json.RawMessage   `json:"certificate,omitempty"`
	Chain         json.RawMessage   `json:"x509CertificateChain,omitempty"`
	TlogEntries   []json.RawMessage `json:"tlogEntries,omitempty"`
	TimestampData json.RawMessage   `json:"timestampVerificationData,omitempty"`
}

type publicKey struct {
	Hint string `json:"hint"`
}

type envelope struct {
	Payload     base64Bytes     `json:"payload"`
	PayloadType string          `json:"payloadType"`
	Signatures  []dsseSignature `json:"signatures"`
}

type dsseSignature struct {
	Sig   base64Bytes `json:"sig"`
	KeyID string      `json:"keyid,omitempty"`
}

// base64Bytes is written in the standard alphabet and read in either.
//
// > Either standard or URL-safe encoding is allowed. Signers may choose either, and verifiers MUST accept either.
type base64Bytes []byte

// MarshalJSON writes the standard alphabet with padding.
func (b base64Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(b))
}

// UnmarshalJSON reads either alphabet, padded, without line breaks and without stray bits in the last character.
func (b *base64Bytes) UnmarshalJSON(data []byte) error {
	var text []byte
	if len(data) >= 2 && data[0] == '"' && bytes.IndexByte(data, '\\') < 0 {
		text = data[1 : len(data)-1] // a payload is most of a bundle, and base64 needs no escapes
	} else {
		var escaped string
		if err := json.Unmarshal(data, &escaped); err != nil {
			return err
		}
		text = []byte(escaped)
	}
	encoding := base64.StdEncoding.Strict()
	if has(text, '-') || has(text, '_') { // not ContainsAny, which looks at each byte by itself
		encoding = base64.URLEncoding.Strict()
	}
	if has(text, '\r') || has(text, '\n') {
		return errors.New("line break in base64")
	}
	decoded := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(decoded, text)
	*b = decoded[:n]
	return err
}

func has(text []byte, c byte) bool { return bytes.IndexByte(text, c) >= 0 }

// pae is what a signature of an envelope is over (DSSE's protocol.md, "Pre-Authentication Encoding"). TestPreAuthEncoding holds it to the
// library's, which would bring an SSH client into every program that verifies.
//
// > PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP + LEN(body) + SP + body
// > LEN(s) = ASCII decimal encoding of the byte length of s, with no leading zeros
func pae(payloadType string, payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
}

// payloadLimits is what a signed statement may be like, whoever signed it.
var payloadLimits = provenance.Limits

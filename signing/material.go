//go:build !front

package signing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// What a bundle carries beside its signature, as sigstore's JSON has it (protobuf-specs: sigstore_bundle.proto, sigstore_rekor.proto,
// sigstore_common.proto). It is decoded once, strictly, and handed to sigstore-go as values, so that no second decoder can see another
// bundle in the same bytes.

type certificate struct {
	RawBytes base64Bytes `json:"rawBytes"`
}

type certificateChain struct {
	Certificates []certificate `json:"certificates"`
}

type timestampData struct {
	RFC3161 []signedTimestamp `json:"rfc3161Timestamps,omitempty"`
}

type signedTimestamp struct {
	SignedTimestamp base64Bytes `json:"signedTimestamp"`
}

type logEntry struct {
	LogIndex         int64Text         `json:"logIndex,omitempty"`
	LogID            logID             `json:"logId"`
	KindVersion      kindVersion       `json:"kindVersion"`
	IntegratedTime   int64Text         `json:"integratedTime,omitempty"`
	InclusionPromise *inclusionPromise `json:"inclusionPromise,omitempty"`
	InclusionProof   *inclusionProof   `json:"inclusionProof,omitempty"`
	Body             base64Bytes       `json:"canonicalizedBody"`
}

type logID struct {
	KeyID base64Bytes `json:"keyId"`
}

type kindVersion struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

type inclusionPromise struct {
	SignedEntryTimestamp base64Bytes `json:"signedEntryTimestamp"`
}

type inclusionProof struct {
	LogIndex   int64Text     `json:"logIndex,omitempty"`
	RootHash   base64Bytes   `json:"rootHash"`
	TreeSize   int64Text     `json:"treeSize"`
	Hashes     []base64Bytes `json:"hashes,omitempty"`
	Checkpoint *checkpoint   `json:"checkpoint,omitempty"`
}

type checkpoint struct {
	Envelope string `json:"envelope"`
}

type messageSignature struct {
	Digest    messageDigest `json:"messageDigest"`
	Signature base64Bytes   `json:"signature"`
}

type messageDigest struct {
	Algorithm string      `json:"algorithm"`
	Digest    base64Bytes `json:"digest"`
}

// int64Text is a 64-bit number in protobuf's JSON: written as a string, read from a string or a number.
type int64Text int64

// MarshalJSON writes decimal digits in a string.
func (n int64Text) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatInt(int64(n), 10))
}

// UnmarshalJSON takes the shortest decimal form alone.
func (n *int64Text) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(v, 10) != text {
		return fmt.Errorf("%q is no 64-bit number", clip(text))
	}
	*n = int64Text(v)
	return nil
}

// materialLimits is for one part of a bundle: 32 log entries with a proof of 64 hashes each are far below.
var materialLimits = strictjson.Limits{MaxBytes: 1 << 20, MaxDepth: 16, MaxValues: 8192}

// entity is b as sigstore-go takes it, everything that it carries decoded. chain allows intermediate certificates in a v0.3 bundle,
// which are for instances of one's own; the public one's bundles must not have any (sigstore_bundle.proto, VerificationMaterial).
func (b *bundle) entity(chain bool) (*sigstore.Bundle, error) {
	out := &protobundle.Bundle{MediaType: b.MediaType, VerificationMaterial: &protobundle.VerificationMaterial{}}
	if err := b.content(out); err != nil {
		return nil, err
	}
	m, v := b.VerificationMaterial, out.VerificationMaterial
	if err := m.signer(v); err != nil {
		return nil, err
	}
	for _, raw := range m.TlogEntries {
		var e logEntry
		if err := strictjson.Unmarshal(raw, &e, materialLimits); err != nil {
			return nil, fmt.Errorf("a log entry: %w", err)
		}
		v.TlogEntries = append(v.TlogEntries, e.proto())
	}
	if m.TimestampData != nil {
		var d timestampData
		if err := strictjson.Unmarshal(m.TimestampData, &d, materialLimits); err != nil {
			return nil, fmt.Errorf("timestamps: %w", err)
		}
		v.TimestampVerificationData = &protobundle.TimestampVerificationData{}
		for _, t := range d.RFC3161 {
			v.TimestampVerificationData.Rfc3161Timestamps = append(v.TimestampVerificationData.Rfc3161Timestamps,
				&protocommon.RFC3161SignedTimestamp{SignedTimestamp: t.SignedTimestamp})
		}
	}
	var options []sigstore.Option
	if chain && m.Chain != nil && b.MediaType == BundleMediaType {
		options = append(options, sigstore.AllowCertificateChain())
	}
	return sigstore.NewBundle(out, options...)
}

// signer fills in who signed: exactly one of a key's hint, a certificate, a chain.
func (m verificationMaterial) signer(v *protobundle.VerificationMaterial) error {
	ways := 0
	if m.PublicKey != nil {
		ways++
		v.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: m.PublicKey.Hint}}
	}
	if m.Certificate != nil {
		ways++
		var c certificate
		if err := strictjson.Unmarshal(m.Certificate, &c, materialLimits); err != nil {
			return fmt.Errorf("the certificate: %w", err)
		}
		v.Content = &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: c.RawBytes}}
	}
	if m.Chain != nil {
		ways++
		var c certificateChain
		if err := strictjson.Unmarshal(m.Chain, &c, materialLimits); err != nil {
			return fmt.Errorf("the certificate chain: %w", err)
		}
		if len(c.Certificates) > maxChain {
			return fmt.Errorf("a chain of %d certificates, the limit is %d", len(c.Certificates), maxChain)
		}
		chain := &protocommon.X509CertificateChain{}
		for _, one := range c.Certificates {
			chain.Certificates = append(chain.Certificates, &protocommon.X509Certificate{RawBytes: one.RawBytes})
		}
		v.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: chain}
	}
	if ways != 1 {
		return errors.New("it does not name one signer in one way")
	}
	return nil
}

// maxChain bounds the certificates that a bundle may bring along.
const maxChain = 8

// content fills in what was signed.
func (b *bundle) content(out *protobundle.Bundle) error {
	switch {
	case b.Envelope != nil && b.MessageSignature == nil:
		e := &protodsse.Envelope{Payload: b.Envelope.Payload, PayloadType: b.Envelope.PayloadType}
		for _, s := range b.Envelope.Signatures {
			e.Signatures = append(e.Signatures, &protodsse.Signature{Sig: s.Sig, Keyid: s.KeyID})
		}
		out.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: e}
	case b.MessageSignature != nil && b.Envelope == nil:
		var m messageSignature
		if err := strictjson.Unmarshal(b.MessageSignature, &m, materialLimits); err != nil {
			return fmt.Errorf("the message signature: %w", err)
		}
		algorithm, known := protocommon.HashAlgorithm_value[m.Digest.Algorithm]
		if !known {
			return fmt.Errorf("digest algorithm %q", clip(m.Digest.Algorithm))
		}
		out.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm(algorithm), Digest: m.Digest.Digest}, Signature: m.Signature,
		}}
	default:
		return errors.New("it does not sign one thing in one way")
	}
	return nil
}

func (e logEntry) proto() *protorekor.TransparencyLogEntry {
	out := &protorekor.TransparencyLogEntry{
		LogIndex: int64(e.LogIndex), LogId: &protocommon.LogId{KeyId: e.LogID.KeyID}, IntegratedTime: int64(e.IntegratedTime),
		KindVersion:       &protorekor.KindVersion{Kind: e.KindVersion.Kind, Version: e.KindVersion.Version},
		CanonicalizedBody: e.Body,
	}
	if e.InclusionPromise != nil {
		out.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: e.InclusionPromise.SignedEntryTimestamp}
	}
	if p := e.InclusionProof; p != nil {
		out.InclusionProof = &protorekor.InclusionProof{LogIndex: int64(p.LogIndex), RootHash: p.RootHash, TreeSize: int64(p.TreeSize)}
		for _, h := range p.Hashes {
			out.InclusionProof.Hashes = append(out.InclusionProof.Hashes, h)
		}
		if p.Checkpoint != nil {
			out.InclusionProof.Checkpoint = &protorekor.Checkpoint{Envelope: p.Checkpoint.Envelope}
		}
	}
	return out
}

// entryOf is a log's answer as a bundle has it.
func entryOf(t *protorekor.TransparencyLogEntry) logEntry {
	e := logEntry{
		LogIndex: int64Text(t.GetLogIndex()), LogID: logID{KeyID: t.GetLogId().GetKeyId()}, IntegratedTime: int64Text(t.GetIntegratedTime()),
		KindVersion: kindVersion{Kind: t.GetKindVersion().GetKind(), Version: t.GetKindVersion().GetVersion()}, Body: t.GetCanonicalizedBody(),
	}
	if p := t.GetInclusionPromise(); p != nil {
		e.InclusionPromise = &inclusionPromise{SignedEntryTimestamp: p.GetSignedEntryTimestamp()}
	}
	if p := t.GetInclusionProof(); p != nil {
		e.InclusionProof = &inclusionProof{
			LogIndex: int64Text(p.GetLogIndex()), RootHash: p.GetRootHash(), TreeSize: int64Text(p.GetTreeSize()),
			Checkpoint: &checkpoint{Envelope: p.GetCheckpoint().GetEnvelope()},
		}
		for _, h := range p.GetHashes() {
			e.InclusionProof.Hashes = append(e.InclusionProof.Hashes, h)
		}
	}
	return e
}

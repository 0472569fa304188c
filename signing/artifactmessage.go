//go:build !front

package signing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// asLogged is e and what it has to have signed for it to be about a: a itself, nearly always.
//
// A statement may also be logged as if it were a message, by an entry of the first kind (hashedrekord 0.0.1) over SHA256(PAE(payloadType,
// payload)): the suite's dsse-with-hashedrekord-happy-path, which sigstore-go v1.3.0 does not know. The signature of an envelope is that of the
// message PAE(payloadType, payload), no more and no less, so such a bundle is verified as that message's; that the statement is about a is left to
// be seen here.
func (b *bundle) asLogged(e *sigstore.Bundle, a Artifact) (*sigstore.Bundle, verify.ArtifactPolicyOption, error) {
	entries, err := e.TlogEntries()
	if err != nil || b.Envelope == nil || len(entries) != 1 || entries[0].IsRekorV2() || kindOf(e) != "hashedrekord" {
		if a.Content != nil {
			return e, verify.WithArtifact(a.Content), nil
		}
		return e, verify.WithArtifactDigest("sha256", a.SHA256), nil
	}
	if len(b.Envelope.Signatures) != 1 || b.Envelope.PayloadType != PayloadType {
		return nil, nil, errors.New("an envelope with another payload type, or not with one signature")
	}
	if err := b.about(a); err != nil {
		return nil, nil, err
	}
	message := pae(b.Envelope.PayloadType, b.Envelope.Payload)
	sum := sha256.Sum256(message)
	out := &protobundle.Bundle{MediaType: b.MediaType, VerificationMaterial: e.GetVerificationMaterial(), Content: &protobundle.Bundle_MessageSignature{
		MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: sum[:]}, Signature: b.Envelope.Signatures[0].Sig,
		}}}
	as, err := sigstore.NewBundle(out)
	return as, verify.WithArtifact(bytes.NewReader(message)), err
}

// kindOf is the kind of e's one log entry, as the log has it.
func kindOf(e *sigstore.Bundle) string {
	return e.GetVerificationMaterial().GetTlogEntries()[0].GetKindVersion().GetKind()
}

// about says why b's statement is not about a: no subject has its digest.
func (b *bundle) about(a Artifact) error {
	sum := a.SHA256
	if a.Content != nil {
		h := sha256.New()
		if _, err := io.Copy(h, a.Content); err != nil {
			return fmt.Errorf("reading the artifact: %w", err)
		}
		sum = h.Sum(nil)
	}
	var statement struct {
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if err := json.Unmarshal(b.Envelope.Payload, &statement); err != nil {
		return fmt.Errorf("the statement: %w", err)
	}
	for _, s := range statement.Subject {
		if got, err := hex.DecodeString(s.Digest["sha256"]); err == nil && len(got) == sha256.Size && slices.Equal(got, sum) {
			return nil
		}
	}
	return errors.New("the statement is not about the artifact")
}

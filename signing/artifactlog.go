//go:build !front

package signing

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"

	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// treeID ends the origin of a checkpoint of the public instance's first log: "rekor.sigstore.dev - 1193050959916656506".
var treeID = lazyregexp.New(`^.* - [0-9]+$`)

// plainOrigin says whether e has a single log entry of the first kind (Rekor v1) whose checkpoint is signed by a plain origin. sigstore-go
// v1.3.0 tells the kinds apart by the checkpoint alone (hasRekorV1STH), and looks there for an entry of the second kind, which it is not.
func plainOrigin(e *sigstore.Bundle) (*tlog.Entry, bool) {
	entries, err := e.TlogEntries()
	if err != nil || len(entries) != 1 || entries[0].IsRekorV2() || !entries[0].HasInclusionProof() {
		return nil, false
	}
	text := entries[0].TransparencyLogEntry().GetInclusionProof().GetCheckpoint().GetEnvelope()
	origin, _, _ := bytes.Cut([]byte(text), []byte("\n"))
	return entries[0], !treeID.Match(origin)
}

// checkPlainOrigin verifies such an entry for a key's bundle over a statement. It demands what sigstore-go demands of others of the first kind, and
// more: the checkpoint must name the log's host, and the entry must be the leaf of the very tree that the checkpoint is of.
func (r *Root) checkPlainOrigin(e *tlog.Entry, b *bundle, key *Verifier) error {
	if err := tlog.ValidateEntry(e); err != nil {
		return err
	}
	log, known := r.material.RekorLogs()[hex.EncodeToString([]byte(e.LogKeyID()))]
	if !known {
		return errors.New("its log is not one of the root's")
	}
	verifier, err := signature.LoadVerifier(log.PublicKey, log.SignatureHashFunc)
	if err != nil {
		return fmt.Errorf("loading the log's key: %w", err)
	}
	u, err := url.Parse(log.BaseURL)
	if err != nil || u.Hostname() == "" {
		return errors.New("the root names no address of its log")
	}
	if e.HasInclusionPromise() {
		if err := tlog.VerifySET(e, r.material.RekorLogs()); err != nil {
			return err
		}
	}
	if err := tlog.VerifyCheckpointAndInclusion(e, verifier, u.Hostname()); err != nil {
		return err
	}
	return ofBundle(e, b, key)
}

// ofBundle says why an entry is for something else than the bundle: another signature, key or payload.
func ofBundle(e *tlog.Entry, b *bundle, key *Verifier) error {
	if b.Envelope == nil || len(b.Envelope.Signatures) != 1 {
		return errors.New("it is not for one signature over a statement")
	}
	payload := sha256.Sum256(b.Envelope.Payload)
	logged, ok := e.GetDssePayloadHash()
	switch public, is := e.PublicKey().(interface{ Equal(crypto.PublicKey) bool }); {
	case !bytes.Equal(e.Signature(), b.Envelope.Signatures[0].Sig):
		return errors.New("it is for another signature")
	case !ok || !bytes.Equal(logged, payload[:]):
		return errors.New("it is for another payload")
	case !is || !public.Equal(key.public):
		return errors.New("it is for another key")
	}
	return nil
}

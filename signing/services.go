//go:build !front

package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"
)

// The three services that sign, each one POST. They are asked by our own client and not by sigstore-go's: that one's requests to the
// certificate authority and the timestamp authority do not end with the caller's context, follow redirects with the token in a header,
// and quote the whole answer in errors.

const (
	// defaultTimeout bounds one request, its answer's last byte included.
	defaultTimeout = 30 * time.Second
	// maxAnswer bounds an answer in bytes; a log entry with its proof has about 5 KiB.
	maxAnswer = 1 << 20
	// attempts is how often a service is asked that answers with 429 or 5xx.
	attempts = 3
)

// services are the clients of one instance.
type services struct {
	http    *http.Client
	timeout time.Duration
	ca      *url.URL
	tsas    []*url.URL
	logs    []*url.URL
}

func noRedirects(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects, which is not followed")
	}}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// statusError is an answer that says no.
type statusError struct {
	code int
	text string
}

func (e statusError) Error() string { return fmt.Sprintf("it answered %d%s", e.code, e.text) }

// certify has the certificate authority vouch for a key: POST /api/v2/signingCert (fulcio.proto, CreateSigningCertificate). proof is
// the key's signature over the token's subject. It returns the leaf in DER.
func (s *services) certify(ctx context.Context, token Token, publicPEM string, proof []byte) ([]byte, error) {
	request, err := json.Marshal(map[string]any{"publicKeyRequest": map[string]any{
		"publicKey":         map[string]string{"algorithm": "ECDSA", "content": publicPEM},
		"proofOfPossession": base64.StdEncoding.EncodeToString(proof),
	}})
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token.raw}}
	body, err := s.post(ctx, s.ca.JoinPath("api/v2/signingCert"), header, request, token)
	if err != nil {
		return nil, err
	}
	type chain struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	var answer struct {
		Embedded chain `json:"signedCertificateEmbeddedSct"`
		Detached chain `json:"signedCertificateDetachedSct"`
	}
	if json.Unmarshal(body, &answer) != nil { // what it means is checked with the whole bundle
		return nil, errors.New("its answer is not what it should be")
	}
	for _, c := range [][]string{answer.Embedded.Chain.Certificates, answer.Detached.Chain.Certificates} {
		if len(c) == 0 {
			continue
		}
		if block, _ := pem.Decode([]byte(c[0])); block != nil && block.Type == "CERTIFICATE" {
			return block.Bytes, nil
		}
	}
	return nil, errors.New("its answer holds no certificate")
}

// stamp has a timestamp authority say that signature exists (RFC 3161), and returns the response as it came.
func (s *services) stamp(ctx context.Context, tsa *url.URL, signature []byte) ([]byte, error) {
	sum := sha256.Sum256(signature)
	request, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:]}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	body, err := s.post(ctx, tsa, http.Header{"Content-Type": {"application/timestamp-query"}}, request, Token{})
	if err != nil {
		return nil, err
	}
	if _, err := timestamp.ParseResponse(body); err != nil {
		return nil, errors.New("its answer is no timestamp")
	}
	return body, nil
}

// enter writes a signature into a log (Rekor v2, rekor/v2/rekor_service.proto): POST /api/v2/log/entries. digest is that of what was
// signed, in DSSE's encoding. The log takes a certificate in place of a key.
func (s *services) enter(ctx context.Context, log *url.URL, digest, signature []byte, signer *tiles.Verifier) (logEntry, error) {
	request, err := protojson.Marshal(&tiles.CreateEntryRequest{Spec: &tiles.CreateEntryRequest_HashedRekordRequestV002{
		HashedRekordRequestV002: &tiles.HashedRekordRequestV002{Digest: digest, Signature: &tiles.Signature{Content: signature, Verifier: signer}},
	}})
	if err != nil {
		return logEntry{}, fmt.Errorf("encoding a request: %w", err)
	}
	body, err := s.post(ctx, log.JoinPath("api/v2/log/entries"), http.Header{"Content-Type": {"application/json"}}, request, Token{})
	if err != nil {
		return logEntry{}, err
	}
	var answer protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(body, &answer); err != nil {
		return logEntry{}, errors.New("its answer is no log entry")
	}
	return entryOf(&answer), nil
}

// post asks, again after a while when the service is busy. What it says in its answer is quoted briefly and without the token.
func (s *services) post(ctx context.Context, u *url.URL, header http.Header, body []byte, secret Token) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		answer, err := s.postOnce(ctx, u, header, body, secret)
		var status statusError
		busy := errors.As(err, &status) && (status.code == http.StatusTooManyRequests || status.code >= 500)
		if err == nil || !busy || attempt == attempts {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Duration(attempt) * 300 * time.Millisecond):
		}
	}
}

func (s *services) postOnce(ctx context.Context, u *url.URL, header http.Header, body []byte, secret Token) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "selfsame")
	res, err := s.http.Do(req)
	if err == nil {
		defer func() { _ = res.Body.Close() }()
		body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limited.Err() != nil:
		return nil, fmt.Errorf("it did not answer within %s", s.timeout)
	case err != nil:
		return nil, errors.New(clip(secret.redact(reason(err))))
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated:
		return nil, statusError{res.StatusCode, said(body, secret)}
	}
	return body, nil
}

// reason is why a request failed, without the address, which the caller names.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// said is what an answer says of itself: ": ..." or nothing.
func said(body []byte, secret Token) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Message == "" {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, secret.redact(answer.Message))
	return ": " + clip(text)
}

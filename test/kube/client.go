package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Types of a patch's body.
const (
	Strategic = "application/strategic-merge-patch+json"
	Merge     = "application/merge-patch+json"
	JSONPatch = "application/json-patch+json"
)

// maxAnswer bounds an answer of the server, in bytes.
const maxAnswer = 64 << 20

// Client speaks to a server in JSON. It may be used by many at once.
type Client struct {
	url, token string
	as         http.Header
	http       *http.Client
}

// Client gives a client with the administrator's token.
func (s *Server) Client() *Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CA)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	return &Client{url: s.URL, token: s.Token, http: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// As gives a client that acts as a user with these groups alone (by impersonation), to see what RBAC lets it do. A service account
// is system:serviceaccount:NAMESPACE:NAME.
func (c *Client) As(user string, groups ...string) *Client {
	other := *c
	other.as = http.Header{"Impersonate-User": {user}, "Impersonate-Group": groups}
	return &other
}

// Status is a refusal by the server, as kubectl would print it.
type Status struct {
	// Code is the HTTP status; Reason a word such as Forbidden, Invalid or InternalError.
	Code            int
	Reason, Message string
	// Warnings are the texts of Warning headers, raw.
	Warnings []string
}

func (s *Status) Error() string { return fmt.Sprintf("%d %s: %s", s.Code, s.Reason, s.Message) }

// Answer is what the server said.
type Answer struct {
	Code     int
	Warnings []string // raw Warning headers
	Body     []byte
}

// Do sends body (JSON of any value; []byte and nil as they are) and reads the answer. An answer of 400 and above is a *Status as error.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body any) (*Answer, error) {
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for k, v := range c.as {
		req.Header[k] = v
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	a := &Answer{Code: res.StatusCode, Warnings: res.Header.Values("Warning")}
	if a.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return nil, err
	}
	if a.Code < 400 {
		return a, nil
	}
	s := &Status{Message: string(a.Body)}
	_ = json.Unmarshal(a.Body, s) // not every refusal is a Status object: then the body is the message
	s.Code, s.Warnings = a.Code, a.Warnings
	return a, s
}

func (c *Client) into(ctx context.Context, method, path, contentType string, body, into any) error {
	a, err := c.Do(ctx, method, path, contentType, body)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(a.Body, into)
}

// Create posts an object to a collection or subresource (Pods(ns), ".../pods/p/eviction") and decodes what was stored; into may be nil.
func (c *Client) Create(ctx context.Context, path string, object, into any) error {
	return c.into(ctx, http.MethodPost, path, "application/json", object, into)
}

// Get decodes an object or list; into may be nil.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.into(ctx, http.MethodGet, path, "", nil, into)
}

// Patch changes an object or subresource (".../pods/p/ephemeralcontainers") by a patch of the type Strategic, Merge or JSONPatch.
func (c *Client) Patch(ctx context.Context, path, patchType string, patch, into any) error {
	return c.into(ctx, http.MethodPatch, path, patchType, patch, into)
}

// Delete deletes an object at once, without a grace period.
func (c *Client) Delete(ctx context.Context, path string) error {
	return c.into(ctx, http.MethodDelete, path, "application/json", map[string]any{"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}, nil)
}

// Namespace makes a namespace with a name of its own and gives its name. At the test's end its pods are deleted; the namespace stays,
// empty, as no controller would finish its deletion.
func (c *Client) Namespace(tb testing.TB, labels ...string) string {
	tb.Helper()
	metadata := map[string]any{"generateName": "test-"}
	if len(labels) > 0 {
		metadata["labels"] = pairs(labels)
	}
	var made struct{ Metadata struct{ Name string } }
	if err := c.Create(tb.Context(), "/api/v1/namespaces", map[string]any{"metadata": metadata}, &made); err != nil {
		tb.Fatalf("making a namespace: %v", err)
	}
	tb.Cleanup(func() { _ = c.Delete(context.Background(), Pods(made.Metadata.Name)) })
	return made.Metadata.Name
}

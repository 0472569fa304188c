//go:build !front

package signing

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/oauthflow"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Audience is whom a token for a certificate authority of sigstore's is meant for, and the client that a browser flow logs in as.
const Audience = "sigstore"

// maxToken bounds an identity token in bytes; common ones have 1 to 3 KiB.
const maxToken = 64 << 10

// Token is an OpenID Connect identity token. It is a secret while it lives: no format prints it.
type Token struct {
	raw     string
	subject string
	holder  holder
	expires time.Time
}

// holder is who a token is for, by what certificate authorities make a certificate's subject of.
type holder struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Email    string `json:"email"`
	Workflow string `json:"job_workflow_ref"`
}

// SameHolder says whether two tokens are for one and the same, by their own word: two roles must not be.
func (t Token) SameHolder(o Token) bool { return t.holder == o.holder }

// String is not the token.
func (t Token) String() string { return "[token]" }

// GoString is not the token either.
func (t Token) GoString() string { return "[token]" }

// Expires is when it ends by its own word; zero when it does not say.
func (t Token) Expires() time.Time { return t.expires }

// ParseToken reads a token as a file or a variable has it. Nothing about it is verified: that is for the certificate authority. What
// is wrong with it is said without its content. Diagnostic: A0552.
func ParseToken(text string) (Token, error) {
	bad := func(reason string) (Token, error) {
		return Token{}, diag.Errorf(codeToken, "the identity token cannot be read: %s", reason).
			WithHelp("give the token as the issuer made it: three parts in base64, joined by dots")
	}
	raw := strings.TrimSpace(text)
	if len(raw) > maxToken {
		return bad("it is too long")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return bad("it has no three parts")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return bad("its second part is not base64")
	}
	var claims struct {
		holder
		Expires json.Number `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return bad("its second part is not JSON")
	}
	subject, err := oauthflow.SubjectFromUnverifiedToken(payload)
	if err != nil {
		return bad("it names no subject, or a mail address that nobody verified")
	}
	t := Token{raw: raw, subject: subject, holder: claims.holder}
	if claims.Expires != "" {
		at, err := claims.Expires.Float64()
		if err != nil || at < 0 || at > 1<<40 {
			return bad("its end is no time")
		}
		t.expires = time.Unix(int64(at), 0)
	}
	return t, nil
}

// redact takes a token's parts out of somebody else's text.
func (t Token) redact(text string) string {
	for _, part := range append([]string{t.raw}, strings.Split(t.raw, ".")...) {
		if len(part) >= 8 {
			text = strings.ReplaceAll(text, part, "[token]")
		}
	}
	return text
}

// ActionsToken asks the token service of GitHub Actions, whose address and password a job finds in ACTIONS_ID_TOKEN_REQUEST_URL and
// ACTIONS_ID_TOKEN_REQUEST_TOKEN, for a token that is meant for a certificate authority.
func ActionsToken(ctx context.Context, transport http.RoundTripper, address, password string) (Token, error) {
	fail := func(reason string) (Token, error) {
		return Token{}, diag.Errorf(codeToken, "asking GitHub Actions for a token: %s", reason).
			WithHelp("the job needs `permissions: id-token: write`")
	}
	u, err := url.Parse(address)
	if err != nil || checkAddress(u) != nil {
		return fail("ACTIONS_ID_TOKEN_REQUEST_URL is no address")
	}
	q := u.Query()
	q.Set("audience", Audience)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fail("ACTIONS_ID_TOKEN_REQUEST_URL is no address")
	}
	req.Header.Set("Authorization", "Bearer "+password)
	res, err := noRedirects(transport).Do(req)
	if err != nil {
		return fail("it does not answer")
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxToken))
	if err != nil || res.StatusCode != http.StatusOK {
		return fail("status " + res.Status)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Value == "" {
		return fail("its answer holds no token")
	}
	return ParseToken(answer.Value)
}

// Browser is how a user logs in: Out is told what to do, and In gives a code where no browser can be opened; both must be a terminal.
type Browser struct {
	In  io.Reader
	Out io.Writer
	// Open shows an address; nil: the desktop's browser.
	Open func(address string) error
}

// Token has the user log in at issuer. When ctx ends it returns, though the library's listener lives for two minutes more.
func (b Browser) Token(ctx context.Context, issuer string) (Token, error) {
	type result struct {
		token Token
		err   error
	}
	done := make(chan result, 1)
	go func() {
		flow := &oauthflow.InteractiveIDTokenGetter{HTMLPage: oauthflow.DefaultIDTokenGetter.HTMLPage, Input: b.In, Output: b.Out, BrowserOpener: b.Open}
		got, err := oauthflow.OIDConnect(issuer, Audience, "", "", flow)
		if err != nil {
			done <- result{err: diag.Errorf(codeToken, "logging in at %s: %w", clip(issuer), quoteErr(err))}
			return
		}
		token, err := ParseToken(got.RawString)
		done <- result{token, err}
	}()
	select {
	case r := <-done:
		return r.token, r.err
	case <-ctx.Done():
		return Token{}, context.Cause(ctx)
	}
}

// checkAddress takes https, and http on this machine: a token and what it stands for must not travel in the clear.
func checkAddress(u *url.URL) error {
	switch {
	case u.Host == "" || u.User != nil:
		return errors.New("no address of a service")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s://%s is neither https nor on this machine", clip(u.Scheme), clip(u.Host))
}

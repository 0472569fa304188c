package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// The diagnostics of this package; internal/diag/codes_evidence.go has their pages.
const (
	codeRefused     diag.Code = "A0510"
	codeUnreachable diag.Code = "A0511"
	codeMismatch    diag.Code = "A0512"
	codeNotFound    diag.Code = "A0513"
	codeReference   diag.Code = "A0514"
	codeTooMuch     diag.Code = "A0515"
	codeNotAttached diag.Code = "A0516"
	codeMalformed   diag.Code = "A0517"
)

// errNotFound is a 404, before it is known whether that is a failure.
var errNotFound = errors.New("not found")

// statusError is an answer that was not wanted.
type statusError struct {
	method, path string
	status       int
	detail       string // the start of the body, on one line
}

// Error names the request and the answer.
func (e *statusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.method, e.path, e.status, http.StatusText(e.status))
	if e.detail != "" {
		text += ": " + e.detail
	}
	return text
}

// Is makes a 404 errors.Is errNotFound.
func (e *statusError) Is(target error) bool {
	return target == errNotFound && e.status == http.StatusNotFound
}

// wanted gives nil when the answer has one of the statuses, else a *statusError; it closes the body only then.
func wanted(resp *http.Response, statuses ...int) error {
	for _, s := range statuses {
		if resp.StatusCode == s {
			return nil
		}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // only words the failure
	return &statusError{
		method: resp.Request.Method, path: resp.Request.URL.Path, status: resp.StatusCode,
		detail: oneLine(string(body)),
	}
}

// oneLine keeps a stranger's text to one printable line.
func oneLine(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(strings.ToValidUTF8(clean, "?")), " ")
}

// explain turns whatever went wrong while talking to the registry into what a user reads. A diagnostic that is there
// already, and the end of the caller's context, pass through.
func (r *Repository) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	var (
		ready      *diag.Diagnostic
		mismatch   *artifact.MismatchError
		incomplete *artifact.IncompleteError
	)
	switch {
	case errors.As(err, &ready):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &mismatch):
		return diag.Errorf(codeMismatch, "%s: %w", doing, err).WithWhy("the registry serves damaged or exchanged content")
	case errors.As(err, &incomplete):
		return diag.Errorf(codeTooMuch, "%s: %w", doing, err).WithWhy("what was not read could be the piece that matters")
	}
	registry := r.repo.RegistryStr()
	switch status(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return diag.Errorf(codeRefused, "%s: `%s` refused the credentials: %w", doing, registry, err).
			WithWhy("docker's credentials for this registry are missing, stale, or may not do this").
			WithHelp("docker login " + registry + orFolder(registry))
	case http.StatusNotFound:
		return diag.Errorf(codeNotFound, "%s: not found: %w", doing, err).
			WithHelp("check the spelling; for a private repository: docker login " + registry + orFolder(registry))
	}
	return diag.Errorf(codeUnreachable, "%s: %w", doing, err).
		WithWhy("nothing was decided, and no tag was moved").
		WithHelp("curl -i https://" + registry + "/v2/" + orFolder(registry))
}

// orFolder reminds whoever misspelt the path of a folder or file that a name without a registry is one of Docker Hub.
func orFolder(registry string) string {
	if registry != name.DefaultRegistry {
		return ""
	}
	return "; if a folder or file of this machine was meant, check its path: a name without a registry is Docker Hub's"
}

// status is the HTTP status an error is about, or 0.
func status(err error) int {
	var (
		own       *statusError
		handshake *transport.Error
	)
	switch {
	case errors.As(err, &own):
		return own.status
	case errors.As(err, &handshake):
		return handshake.StatusCode
	}
	return 0
}

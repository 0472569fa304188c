package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Server is how an API server is asked: with GET, and nothing else.
type Server struct {
	URL   string // https://HOST:PORT
	token string
	http  *http.Client
}

// requestTime is how long one answer may take; maxPages, how many make a list.
const (
	requestTime = 10 * time.Second
	pageSize    = 500
	maxPages    = 100
)

// newServer takes what a kubeconfig or a service account gives: PEM, and a token or a certificate.
func newServer(address, name, token string, ca []byte, certs []tls.Certificate) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the server's address is not https://HOST")
	}
	roots := x509.NewCertPool()
	if len(ca) == 0 {
		if roots, err = x509.SystemCertPool(); err != nil {
			return nil, err
		}
	} else if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the certificate authority is no certificate in PEM")
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: requestTime,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: certs, ServerName: name}}
	return &Server{URL: strings.TrimRight(u.String(), "/"), token: token, http: &http.Client{Transport: t, Timeout: requestTime,
		// A token goes to the server that the kubeconfig names, and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the API server redirects") }}}, nil
}

// objects lists what the doctor looks at.
func (s *Server) objects(ctx context.Context, namespace string) (out []object, err error) {
	ns := url.PathEscape(namespace)
	for _, path := range []string{
		"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
		"/api/v1/namespaces", "/api/v1/namespaces/" + ns + "/services", "/apis/discovery.k8s.io/v1/namespaces/" + ns + "/endpointslices",
	} {
		all, err := s.list(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, all...)
	}
	return out, nil
}

// configMap is the one that the guard's pods have their configuration from.
func (s *Server) configMap(ctx context.Context, namespace string) (object, error) {
	path := "/api/v1/namespaces/" + url.PathEscape(namespace) + "/configmaps/" + installed
	o, err := s.get(ctx, path)
	if err == nil && (o.Kind != "ConfigMap" || o.Metadata.Namespace != namespace || o.Metadata.Name != installed) {
		err = errors.New("the API server answers with something else")
	}
	if err != nil {
		return o, fmt.Errorf("%s: %w", path, err)
	}
	return o, nil
}

func (s *Server) list(ctx context.Context, path string) (out []object, err error) {
	next := ""
	for range maxPages {
		query := url.Values{"limit": {fmt.Sprint(pageSize)}}
		if next != "" {
			query.Set("continue", next)
		}
		page, err := s.get(ctx, path+"?"+query.Encode())
		if err != nil {
			return nil, err
		}
		if out = append(out, page.flat()...); len(out) > maxObjectsAll {
			break
		}
		if next = page.Metadata.Continue; next == "" {
			return out, nil
		}
	}
	return nil, errors.New("there are too many objects")
}

func (s *Server) get(ctx context.Context, path string) (o object, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return o, err
	}
	req.Header.Set("Accept", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return o, err
	}
	defer func() { _ = res.Body.Close() }() // whatever is left of it is not wanted
	if res.StatusCode != http.StatusOK {
		return o, fmt.Errorf("the API server answers %s", res.Status)
	}
	return decodeList(res.Body)
}

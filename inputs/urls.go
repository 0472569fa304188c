package inputs

import (
	"errors"
	"net/url"
	"strings"
)

// Route says how a request reached the server. It is a letter in the server's URLs.
type Route string

// The routes.
const (
	RouteStep   Route = "p" // a RUN step's request, passed on by BuildKit's proxy
	RouteSource Route = "s" // the daemon's own fetch for an ADD of a URL
)

// What ConvertURL refuses.
var (
	errNotHTTP  = errors.New("no absolute http or https URL")
	errUserInfo = errors.New("user info in the URL")
	errOwnURL   = errors.New("the input server's own address")
)

// redacted takes the place of secret-like query values. Nothing in it needs escaping.
const redacted = "REDACTED"

// normalURL brings an http or https URL to the one form that keys use: lower-case scheme and host, no default port (BuildKit
// adds :443 to every HTTPS request), "/" for an empty path, no fragment. Path and query keep their escapes, since
// servers may tell %2F from /; bytes that no request line can carry are escaped.
func normalURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errNotHTTP
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "http" && scheme != "https" || u.Opaque != "" || u.Hostname() == "" {
		return "", errNotHTTP
	}
	if u.User != nil {
		return "", errUserInfo
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	out := scheme + "://" + normalHost(scheme, u) + path
	if u.RawQuery != "" || u.ForceQuery {
		out += "?" + escapeQuery(u.RawQuery)
	}
	return out, nil
}

// normalHost is the host in lower case, with its port unless that is the scheme's own.
func normalHost(scheme string, u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
	}
	port := u.Port()
	if port == "" || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return host
	}
	return host + ":" + port
}

// escapeQuery escapes what may not stand in a request line and leaves the rest, escapes included, alone.
func escapeQuery(q string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(q); i++ {
		if c := q[i]; c <= ' ' || c >= 0x7f || c == '#' {
			b.WriteString("%" + string(digits[c>>4]) + string(digits[c&15]))
			continue
		}
		b.WriteByte(q[i])
	}
	return b.String()
}

// encodeURL is the part of a server URL after the token: route, scheme, host, then path and query as they are, so that
// the last segment (which names the file of an ADD) stays the last.
func encodeURL(route Route, normal string) string {
	scheme, rest, _ := strings.Cut(normal, "://")
	host, path, _ := strings.Cut(rest, "/")
	return string(route) + "/" + scheme + "/" + url.PathEscape(host) + "/" + path
}

// decodeURL is the inverse of encodeURL. The URL it returns is normal.
func decodeURL(encoded string) (Route, string, bool) {
	parts := strings.SplitN(encoded, "/", 4)
	if len(parts) != 4 {
		return "", "", false
	}
	route := Route(parts[0])
	host, err := url.PathUnescape(parts[2])
	if err != nil || route != RouteStep && route != RouteSource {
		return "", "", false
	}
	normal, err := normalURL(parts[1] + "://" + host + "/" + parts[3])
	return route, normal, err == nil
}

// redactURL replaces the values of secret-like query parameters and says whether there were any. An empty value is one too: in a
// sealed build the secret that it is made from is empty or absent.
func redactURL(normal string) (string, bool) {
	base, query, ok := strings.Cut(normal, "?")
	if !ok {
		return normal, false
	}
	found := false
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		name, _, valued := strings.Cut(p, "=")
		if valued && secretName(name) {
			pairs[i], found = name+"="+redacted, true
		}
	}
	if !found {
		return normal, false
	}
	return base + "?" + strings.Join(pairs, "&"), true
}

// GivesAway says whether a URL has user information, or a query parameter with a value that gives access and was not redacted. Recording
// lets none through; a lock may have been made by other means.
func GivesAway(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	if _, set := u.User.Password(); set {
		return true
	}
	for _, p := range strings.Split(u.RawQuery, "&") {
		if name, value, ok := strings.Cut(p, "="); ok && value != "" && value != redacted && secretName(name) {
			return true
		}
	}
	return false
}

// secretNames are query parameters that give access: signed URLs of the large object stores, and the usual tokens.
var secretNames = map[string]bool{
	"x-amz-signature": true, "x-amz-credential": true, "x-amz-security-token": true, "awsaccesskeyid": true,
	"x-goog-signature": true, "x-goog-credential": true, "googleaccessid": true,
	"x-oss-signature": true, "x-oss-credential": true, "x-oss-security-token": true, "ossaccesskeyid": true,
	"signature": true, "sig": true, "policy": true, "key-pair-id": true, "hmac": true, "hdnea": true,
	"token": true, "access_token": true, "auth_token": true, "private_token": true, "id_token": true, "refresh_token": true,
	"job_token": true, "jwt": true, "api_key": true, "apikey": true, "api-key": true,
	"secret": true, "client_secret": true, "password": true, "passwd": true,
}

func secretName(escaped string) bool {
	name, err := url.QueryUnescape(escaped)
	return err == nil && secretNames[strings.ToLower(name)]
}

// normalAccept is the Accept header as part of a key: the values in order, "*/*" alone and none being the same.
func normalAccept(values []string) string {
	a := strings.TrimSpace(strings.Join(values, ", "))
	if a == "*/*" {
		return ""
	}
	return a
}

package inputs

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// maxHeaderText bounds the kept headers of one answer, in bytes.
const maxHeaderText = 1 << 20

// keptHeaders are the response headers that a client may act on and that are safe to publish: what the body is, where it
// moved, which version it is, and what registries say of themselves. Never Set-Cookie; no caching or server chatter.
var keptHeaders = map[string]bool{
	"Content-Type": true, "Content-Encoding": true, "Content-Language": true, "Content-Disposition": true,
	"Location": true, "Link": true, "Etag": true, "Last-Modified": true, "Date": true, "Www-Authenticate": true,
	"Docker-Content-Digest": true, "Docker-Distribution-Api-Version": true, "Digest": true, "Repr-Digest": true,
}

// keptPrefixes are families of such headers: PyPI's serial numbers, Maven repositories' checksums, Artifactory's too.
var keptPrefixes = []string{"X-Pypi-", "X-Checksum-"}

// keepHeaders is the part of h that is stored and served. Location has its secrets redacted.
func keepHeaders(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if keptHeaders[name] || slices.ContainsFunc(keptPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			out[name] = slices.Clone(values)
		}
	}
	if l := out.Get("Location"); l != "" {
		safe, _ := redactURL(l)
		out.Set("Location", safe)
	}
	return out
}

// headerText is the canonical text of kept headers: "Name: value" lines sorted by name, values of one name in order.
func headerText(h http.Header) []byte {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		for _, v := range h[name] {
			b.WriteString(name + ": " + strings.Map(printable, v) + "\n")
		}
	}
	return b.Bytes()
}

// printable drops what would break a line of the text; the transport has refused it before.
func printable(r rune) rune {
	if r == '\n' || r == '\r' || r == 0 {
		return -1
	}
	return r
}

// parseHeaderText is the inverse of headerText.
func parseHeaderText(text []byte) (http.Header, error) {
	if len(text) > maxHeaderText {
		return nil, errors.New("headers are too long")
	}
	h := http.Header{}
	sc := bufio.NewScanner(bytes.NewReader(text))
	sc.Buffer(nil, maxHeaderText+1)
	for sc.Scan() {
		name, value, ok := strings.Cut(sc.Text(), ": ")
		if !ok || textproto.CanonicalMIMEHeaderKey(name) != name {
			return nil, errors.New("headers are not in canonical form")
		}
		h.Add(name, value)
	}
	return h, sc.Err()
}

// droppedHeaders are request headers that are not passed on while recording: they would make the answer depend on more
// than the URL (conditions, ranges, cookies), concern only one hop, or name this build (tracing).
var droppedHeaders = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true, "Host": true,
	"If-Match": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true, "If-Range": true,
	"Range": true, "Cookie": true, "Accept-Encoding": true, "Content-Length": true, "Content-Type": true,
	"Forwarded": true, "Via": true, "Traceparent": true, "Tracestate": true, "Baggage": true,
}

// forwardHeaders is the part of a step's request headers that upstream gets to see.
func forwardHeaders(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if !droppedHeaders[name] && !strings.HasPrefix(name, "X-Forwarded-") {
			out[name] = slices.Clone(values)
		}
	}
	if out.Get("User-Agent") == "" {
		out["User-Agent"] = nil // else net/http adds its own
	}
	return out
}

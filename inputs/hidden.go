package inputs

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// hidden are the values of secrets that steps may use while recording. None may be in what is kept: not in a URL, not in headers, not
// in a body.
type hidden [][]byte

// errRepeats ends the capture of an answer that holds a value.
var errRepeats = errors.New("the answer repeats the value of a secret, so it cannot be kept")

// in says whether a text holds a value, as it is or escaped for a URL.
func (h hidden) in(text string) bool {
	forms := []string{text}
	for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		if plain, err := unescape(text); err == nil {
			forms = append(forms, plain)
		}
	}
	for _, form := range forms {
		for _, v := range h {
			if strings.Contains(form, string(v)) {
				return true
			}
		}
	}
	return false
}

// withoutPath is what may be said of a URL that holds a value.
func withoutPath(normal string) string {
	scheme, rest, _ := strings.Cut(normal, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host + "/" + redacted
}

// scanner looks for values in a body that comes in pieces.
type scanner struct {
	hidden hidden
	tail   []byte // the end of what has come: it may be the beginning of a value
}

// found says whether a value is in the body up to and with piece.
func (s *scanner) found(piece []byte) bool {
	if len(s.hidden) == 0 {
		return false
	}
	longest := 0
	s.tail = append(s.tail, piece...)
	for _, v := range s.hidden {
		if bytes.Contains(s.tail, v) {
			return true
		}
		longest = max(longest, len(v))
	}
	if n := len(s.tail) - longest; n > 0 {
		s.tail = append(s.tail[:0], s.tail[n:]...)
	}
	return false
}

// withCredentials says whether a request says who asks. Credentials are no part of a key: whoever asked first without any and was
// turned away (401) asks again with them, and that answer takes the other's place.
func withCredentials(r *http.Request) bool { return r.Header.Get("Authorization") != "" }

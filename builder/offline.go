package builder

import (
	"errors"
	"net/http"
)

// offline is a transport that reaches nothing.
type offline struct{}

var errOffline = errors.New("--offline forbids it")

func (offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, errOffline }

package verify

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Failed is the result of an image that could not be verified, for a report on many: undecided, or what the error's own exit code means.
func Failed(reference string, err error) Result {
	res := newResult(Options{Reference: reference})
	v := VerdictUndecided
	switch diag.ExitCode(err) {
	case diag.ExitInvalid:
		v = VerdictInvalid
	case diag.ExitMissing:
		v = VerdictMissing
	case diag.ExitPolicy:
		v = VerdictDenied
	}
	f := &findings{}
	f.fail(v, "image", "%v", err)
	res.Subjects = []Subject{{Label: "image", Checks: f.checks}}
	res.conclude()
	return res
}

// Why is the failure that decided, in one line; empty for an image that is verified.
func (r Result) Why() string {
	if r.Policy != nil {
		return strings.Join(r.Policy.Reasons, "; ")
	}
	f, found := r.firstFailure()
	if !found {
		return ""
	}
	return f.Name + ": " + f.Reason
}

package verify

import "github.com/selfsame-build/selfsame/internal/diag"

// The diagnostics of this package; internal/diag/codes_verify.go has their pages.
const (
	codeNoKey         diag.Code = "A0530"
	codeMissing       diag.Code = "A0531"
	codeInvalid       diag.Code = "A0532"
	codeNotReproduced diag.Code = "A0533"
	codeUndecided     diag.Code = "A0534"
	codeRefused       diag.Code = "A0536"
	codeNoSummary     diag.Code = "A0537"
	codeDenied        diag.Code = "A0565"
	codeTwoRoles      diag.Code = "A0567"
)

package debian

import "github.com/selfsame-build/selfsame/internal/diag"

// The codes of this package; internal/diag/codes_debian.go has their pages.
const (
	codeNoMirror    diag.Code = "A0710"
	codeUnreachable diag.Code = "A0711"
	codeSignature   diag.Code = "A0712"
	codeExpired     diag.Code = "A0713"
	codeRollback    diag.Code = "A0714"
	codeMismatch    diag.Code = "A0715"
	codeUnknown     diag.Code = "A0716"
	codeUnsolvable  diag.Code = "A0717"
	codeMalformed   diag.Code = "A0718"
	codeSuite       diag.Code = "A0719"
	codeMirror      diag.Code = "A0720"
	codeChain       diag.Code = "A0721"
)

package freshness

import "github.com/selfsame-build/selfsame/internal/diag"

// The diagnostics of this package; internal/diag/codes_freshness.go has their pages.
const (
	codeStale   diag.Code = "A0560"
	codeInvalid diag.Code = "A0561"
	codeMemory  diag.Code = "A0562"
	codeLost    diag.Code = "A0563"
	codeNoList  diag.Code = "A0564"
	codeMissing diag.Code = "A0566"

	codeNoPolicy      diag.Code = "A0650"
	codePolicyVersion diag.Code = "A0651"
	codePolicyLost    diag.Code = "A0652"
)

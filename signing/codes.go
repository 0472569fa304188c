package signing

import "github.com/selfsame-build/selfsame/internal/diag"

// The diagnostics of this package; internal/diag/codes_evidence.go and codes_keys.go have their pages.
const (
	codeKeyUnreadable diag.Code = "A0501"
	codePassword      diag.Code = "A0502"
	codePrivateGiven  diag.Code = "A0503"
	codeAlgorithm     diag.Code = "A0504"
	codeBundle        diag.Code = "A0505"
	codeSignature     diag.Code = "A0506"
	codeOtherKey      diag.Code = "A0507"
	codeOtherKind     diag.Code = "A0508"
	codeReference     diag.Code = "A0580"
	codePinned        diag.Code = "A0583"
	codeRole          diag.Code = "A0584"

	// codes_keyless.go has their pages.
	codeRoot          diag.Code = "A0550"
	codeSigningConfig diag.Code = "A0551"
	codeToken         diag.Code = "A0552"
	codeTokenRefused  diag.Code = "A0553"
	codeService       diag.Code = "A0554"
	codeCertified     diag.Code = "A0555"
)

const helpNewKey = "selfsame key new --out selfsame"

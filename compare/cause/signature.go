package cause

import (
	"bytes"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// signature is a signature, key or certificate that was made during the build.
var signature = Cause{
	Class: "T22", Title: "embedded signature", judge: judgeSignature,
	Remedy: "sign outside of the build, or with a deterministic scheme and a fixed key; make keys and certificates when the container starts",
	Page: `A key, certificate or signature was made during the build, so it is another one each time: ECDSA and PSS signatures are drawn even with one key.

Sign what was built afterwards, beside it. Keys belong to the container that runs, not to its image.`,
}

var (
	signed      = [][]byte{[]byte("-----BEGIN PGP SIGNATURE"), []byte("-----BEGIN CERTIFICATE"), []byte("PRIVATE KEY-----"), []byte("-----BEGIN PUBLIC KEY"), []byte("~Module signature appended~"), []byte("-----BEGIN PKCS7"), []byte("-----BEGIN CMS")}
	signedFiles = lazyregexp.New(`(?i)(\.(sig|asc|p7s|p7b|crt|cer|pem|key|der|p12|pfx|jks|gpg|minisig|kbx)$|META-INF/[^/]+\.(RSA|DSA|EC|SF)$|(^|/)(ssl-cert|snakeoil))`)
)

// leastKey is the size in bytes of the smallest file that can be a key or signature: 32 bytes of Ed25519.
const leastKey = 32

func judgeSignature(s *spot) (verdict, bool) {
	if drawnFiles.MatchString(s.path) {
		return verdict{}, false
	}
	for _, r := range s.runs {
		for _, mark := range signed {
			if bytes.Contains(r.a.text, mark) || bytes.Contains(r.b.text, mark) {
				return verdict{certainty: Likely, weight: 9, evidence: "the bytes are a key, certificate or signature"}, true
			}
		}
	}
	if s.size() >= leastKey && (signedFiles.MatchString(s.inner()) || signedFiles.MatchString(s.path)) {
		return verdict{certainty: Likely, weight: 8, evidence: "the file is a key, certificate or signature by its name"}, true
	}
	return verdict{}, false
}

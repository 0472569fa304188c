package debian

import (
	"fmt"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs/debian/archive"
)

// The evidence of a line of the lock says what vouches for it. Parts are separated by semicolons:
//
//	release  key:FPR[,FPR...];date:2026-01-02T03:04:05Z       keys with a good signature, and the release's own date
//	index    InRelease:sha256:HEX                              lists the index
//	deb      InRelease:sha256:HEX;Packages:sha256:HEX          the index lists the package, the InRelease the index

func releaseEvidence(r *archive.Release) string {
	return "key:" + strings.Join(r.Keys, ",") + ";date:" + r.Date.UTC().Format(time.RFC3339)
}

func indexEvidence(release digest.Digest) string { return "InRelease:" + release.String() }

func debEvidence(release, index digest.Digest) string {
	return indexEvidence(release) + ";Packages:" + index.String()
}

func parseReleaseEvidence(s string) (keys []string, date time.Time, err error) {
	k, d, ok := strings.Cut(s, ";date:")
	k, isKey := strings.CutPrefix(k, "key:")
	if !ok || !isKey || k == "" {
		return nil, time.Time{}, fmt.Errorf("evidence %q is not a release's", s)
	}
	date, err = time.Parse(time.RFC3339, d)
	return strings.Split(k, ","), date, err
}

// parseChain reads the evidence of an index or a deb; index is empty for the former.
func parseChain(s string) (release, index digest.Digest, err error) {
	r, i, isDeb := strings.Cut(s, ";Packages:")
	r, ok := strings.CutPrefix(r, "InRelease:")
	release, index = digest.Digest(r), digest.Digest(i)
	if !ok || release.Validate() != nil || isDeb && index.Validate() != nil {
		return "", "", fmt.Errorf("evidence %q is not a chain of digests", s)
	}
	return release, index, nil
}

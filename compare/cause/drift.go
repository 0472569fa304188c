package cause

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// dependencyDrift is another version of what was installed.
var dependencyDrift = Cause{
	Class: "T19", Title: "dependency drift", judge: judgeDrift,
	Remedy: "pin what is installed: a lock (selfsame lock), a snapshot of the distribution, versions with digests",
	Page: `Another version of a package, module or base was installed: the sources moved between the builds.

A sealed build cannot differ so: both builders read the same locked bytes. In images of other tools pin bases by digest and packages by lock.`,
}

var versionLine = lazyregexp.New(`(?mi)^\s*(version|v|installed-size|size|md5sum|sha256|filename|"version"|"resolved"|"integrity"|p|c|s|i)\s*[:=]`)

func judgeDrift(s *spot) (verdict, bool) {
	if s.diff.Step.Name != "" && len(s.world.Planted) > 0 {
		return verdict{}, false // a sealed build of ours
	}
	if !installerFile(s.path) && !strings.HasSuffix(s.path, "package-lock.json") {
		return verdict{}, false
	}
	for _, r := range s.runs {
		if line := string(r.a.text[lineStart(r.a):lineEnd(r.a)]); versionLine.MatchString(line) {
			return verdict{certainty: Likely, weight: 8, evidence: fmt.Sprintf("another version is installed: %s and %s", quote(r.a.token()), quote(r.b.token()))}, true
		}
	}
	return verdict{}, false
}

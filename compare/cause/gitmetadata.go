package cause

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// gitMetadata is what version control says about the source, or keeps beside it.
var gitMetadata = Cause{
	Class: "T25", Title: "version control", judge: judgeGit,
	Remedy: "delete .git in the same step; go build -buildvcs=false; pass the version in instead of asking git",
	Page: `The state of a git repository is in the image: its index (with inode numbers and times), a description of the commit that depends on how much was
cloned, a dirty flag.

Delete .git in the same step, and pass the version in as an argument. Go: -buildvcs=false.`,
}

var described = lazyregexp.New(`-\d+-g[0-9a-f]{7,40}(-dirty)?|\b[0-9a-f]{7,40}-dirty\b`)

func judgeGit(s *spot) (verdict, bool) {
	if strings.Contains("/"+s.path, "/.git/") || strings.Contains("/"+s.inner(), "/.git/") {
		return verdict{certainty: Certain, weight: 11, evidence: "a file of git's own"}, true
	}
	if s.format == "go" && strings.Contains(s.field, "vcs") {
		return verdict{certainty: Certain, weight: 9, evidence: "Go's note of version control: " + s.field + " is " + quote(s.a) + " in A, " + quote(s.b) + " in B",
			fix: "go build -buildvcs=false"}, true
	}
	for _, r := range s.runs {
		if described.Match(r.a.text[lineStart(r.a):lineEnd(r.a)]) || described.Match(r.b.text[lineStart(r.b):lineEnd(r.b)]) {
			return verdict{certainty: Likely, weight: 6, evidence: "a description of a commit: " + quote(r.a.token()) + " and " + quote(r.b.token())}, true
		}
	}
	return verdict{}, false
}

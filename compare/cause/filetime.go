package cause

import "github.com/selfsame-build/selfsame/compare"

// fileTime is the modification time of an entry of the image itself.
var fileTime = Cause{
	Class: "T2", Title: "file time", judge: judgeFileTime,
	Remedy: "set the time in the step: touch -d @$SOURCE_DATE_EPOCH FILE",
	Page: `A file or folder of the image bears the time at which it was made.

Selfsame's own images cannot differ so: every time of a new layer is the epoch. In other images set SOURCE_DATE_EPOCH and
rewrite-timestamp=true for BuildKit, --timestamp for buildah; or set the times in the step.`,
}

func judgeFileTime(s *spot) (verdict, bool) {
	if s.format != "image" || s.diff.Kind == compare.KindConfig || s.diff.Kind == compare.KindManifest {
		return verdict{}, false
	}
	switch s.field {
	case "mtime", "atime", "ctime":
		return verdict{certainty: Certain, weight: 9, evidence: "the entry's " + s.field + " is " + s.a + " in A, " + s.b + " in B"}, true
	}
	return verdict{}, false
}

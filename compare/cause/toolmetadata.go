package cause

import (
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// toolMetadata is what a tool notes about its own run.
var toolMetadata = Cause{
	Class: "T24", Title: "tool metadata", judge: judgeTool,
	Remedy: "turn the record off, or fix it: PYTHONDONTWRITEBYTECODE=1 or compileall --invalidation-mode unchecked-hash; set an SBOM's serial and time",
	Page: `A tool notes its own run beside the result: the source's time in a .pyc, the serial number and time of an SBOM, paths in a source map, a cache's
stamp.

Python: PYTHONDONTWRITEBYTECODE=1, or python -m compileall --invalidation-mode unchecked-hash. SBOM tools read SOURCE_DATE_EPOCH or have an option.`,
}

var (
	documentKeys = lazyregexp.New(`(?i)\.(serialNumber|documentNamespace|metadata\.timestamp|creationInfo\.created|timestamp|SPDXID)$`)
	toolFiles    = lazyregexp.New(`(?i)(\.(spdx|cdx)(\.json)?$|sbom|bom\.(json|xml)$|\.map$|\.tsbuildinfo$|uv_cache\.json$|(^|/)RECORD$|\.dist-info/|\.egg-info/)`)
)

func judgeTool(s *spot) (verdict, bool) {
	switch {
	case s.format == "pyc" && s.kind() == "field":
		return verdict{certainty: Certain, weight: 9, evidence: "the .pyc's " + s.field + " is " + quote(s.a) + " in A, " + quote(s.b) + " in B",
			fix: "PYTHONDONTWRITEBYTECODE=1, or python -m compileall --invalidation-mode unchecked-hash"}, true
	case strings.HasSuffix(s.path, ".pyc") && s.part == nil && s.some(func(r run) bool { return r.a.from < 32 && len(r.a.own()) <= 8 }):
		return verdict{certainty: Likely, weight: 8, evidence: "the header of a .pyc holds the time of its source",
			fix: "PYTHONDONTWRITEBYTECODE=1, or python -m compileall --invalidation-mode unchecked-hash"}, true
	case s.format == "json" && documentKeys.MatchString(s.field) && (toolFiles.MatchString(s.path) || bomKey(s.field)):
		return verdict{certainty: Certain, weight: 8, evidence: "what a tool notes about its own run: " + s.field}, true
	case toolFiles.MatchString(s.path) && path.Ext(s.path) != ".py":
		return verdict{certainty: Likely, weight: 5, evidence: "a file in which a tool notes its own run"}, true
	}
	return verdict{}, false
}

func bomKey(field string) bool {
	return strings.HasSuffix(field, "serialNumber") || strings.HasSuffix(field, "documentNamespace") || strings.HasSuffix(field, "creationInfo.created")
}

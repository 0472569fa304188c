package cause

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// buildPath is the name of a temporary folder or file in the result.
var buildPath = Cause{
	Class: "T6", Title: "build path", judge: judgePath,
	Remedy: "build in a fixed folder (WORKDIR), not in one from mktemp; -ffile-prefix-map=$PWD=. for C, -trimpath for Go",
	Page: `The name of a temporary folder or file, drawn anew for each build, stands in the result: in debug information, an error message, a cache,
an index.

Build in a folder with a fixed name. gcc and clang have -ffile-prefix-map, Go -trimpath, rustc --remap-path-prefix.`,
}

// temporary are the names that tools give to what they throw away. The part that is drawn is the last group.
var temporary = lazyregexp.New(`(^|[/\s"'=:(\x00.])((tmp|temp|/tmp/|/var/tmp/|pip-|cc|go-build|yarn--|npm-|rustc|_MEI|build-|lto-|ld\.)[/\w.+-]*?([A-Za-z0-9_]{4,}))`)

func judgePath(s *spot) (verdict, bool) {
	for _, r := range s.runs {
		a, b := r.a.token(), r.b.token()
		if isTemporary(a, r.a) && isTemporary(b, r.b) {
			certainty := Likely
			if strings.Contains(a, "/tmp/") && strings.Contains(b, "/tmp/") {
				certainty = Certain
			}
			return verdict{certainty: certainty, weight: 7, evidence: fmt.Sprintf("temporary names: %s and %s", quote(a), quote(b))}, true
		}
	}
	for _, r := range s.runs {
		if a, b := r.a.token(), r.b.token(); oneDrawnName(a, b) {
			return verdict{certainty: Likely, weight: 6, evidence: fmt.Sprintf("paths of which one part was drawn: %s and %s", quote(a), quote(b))}, true
		}
	}
	return s.planted("T6")
}

var drawnPart = lazyregexp.New(`^[A-Za-z0-9_]{6,12}$`)

// oneDrawnName says whether two paths differ in one name only, in characters as mktemp(1) draws them.
func oneDrawnName(a, b string) bool {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	if len(x) < 2 || len(x) != len(y) {
		return false
	}
	differ := -1
	for i := range x {
		if x[i] != y[i] {
			if differ >= 0 {
				return false
			}
			differ = i
		}
	}
	if differ < 0 {
		return false
	}
	r := wholeRun(x[differ], y[differ])
	return drawnPart.MatchString(r.a.own()) && drawnPart.MatchString(r.b.own()) && mixed(r.a.own()) && mixed(r.b.own())
}

// compilers name their temporary files cc and six letters or digits; such a name stands in symbol tables.
var compilerFile = lazyregexp.New(`^/?(tmp/)?(cc[A-Za-z0-9]{6}|lto-[a-z0-9.]+|tmp[.\w]{6,})(\.\w+)*$`)

func isTemporary(token string, s side) bool {
	for _, t := range []string{token, strings.TrimPrefix(token[strings.LastIndexByte(token, '/')+1:], "./")} {
		if compilerFile.MatchString(t) {
			return true
		}
	}
	if !strings.Contains(token, "tmp") && !strings.Contains(token, "temp") {
		return false
	}
	return strings.Contains(token, "/tmp/") || strings.Contains(token, "/tmp.") || temporary.MatchString(token) && len(s.own()) >= 3
}

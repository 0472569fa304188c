package page

import (
	"fmt"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/report"
)

// A page is for looking at. report.json has all of it; here the first of each kind are drawn, and the others counted.
const (
	maxPerLayer  = 100 // findings of one layer
	maxFindings  = 500 // of all layers together
	maxWarnings  = 100
	maxValues    = 10 // of one finding
	maxHunks     = 4  // of one finding
	maxBefore    = 24 // bytes of a hunk before the difference, and after
	maxRun       = 160
	maxPlatforms = 20
	maxLayers    = 130 // drawn; Docker has 127 at most
	maxSteps     = 150 // rows of the time line
	maxSpans     = 40  // bars of one row
	maxPatches   = 20
	maxPatchLine = 400 // lines of a patch
	maxRuns      = 100 // of the experiment
	maxList      = 100 // names in a list
	maxDepth     = 16  // folders of a tree
	maxText      = 400 // runes of a name or value
	maxLong      = 1200
)

// text is untrusted text, made visible and cut.
func text(s string) string { return cut(s, maxText) }

// long is the same for text in which the end matters.
func long(s string) string { return cut(s, maxLong) }

func cut(s string, limit int) string {
	if len(s) > 8*limit { // no use in looking at what is not shown; a rune has at most 4 bytes
		head := s[:8*limit]
		for len(head) > 0 && !utf8.RuneStart(s[len(head)]) {
			head = head[:len(head)-1]
		}
		return ellipsis([]rune(report.Visible(head)), limit, len(s)-len(head))
	}
	return ellipsis([]rune(report.Visible(s)), limit, 0)
}

func ellipsis(r []rune, limit, more int) string {
	if more == 0 && len(r) <= limit {
		return string(r)
	}
	more += max(0, len(r)-limit)
	return string(r[:min(limit, len(r))]) + fmt.Sprintf(" … (%d more)", more)
}

func texts(list []string) []string {
	var out []string
	for i, s := range list {
		if i == maxList {
			return append(out, fmt.Sprintf("%d more", len(list)-i))
		}
		out = append(out, text(s))
	}
	return out
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return grouped(n) + " " + word + "s"
}

// grouped is a number with thin spaces between thousands, so that it can be read at a glance.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-' && len(s) > 4; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func place(file string, line int) string {
	if file == "" || line <= 0 {
		return text(file)
	}
	return fmt.Sprintf("%s:%d", text(file), line)
}

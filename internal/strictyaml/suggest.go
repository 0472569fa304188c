package strictyaml

import "strings"

// Nearest is the one of known that s was most likely meant to be, or nothing: at most two edits away, and fewer than half of
// its letters.
func Nearest(s string, known []string) string {
	const most = 64
	if len(s) > most {
		return ""
	}
	best, distance := "", 3
	for _, k := range known {
		if d := edits(strings.ToLower(s), strings.ToLower(k)); d < distance && 2*d < max(len(s), len(k)) {
			best, distance = k, d
		}
	}
	if best == "" {
		// A singular for a plural, or the other way round, and a beginning: "platform", "env".
		for _, k := range known {
			if len(s) >= 4 && (strings.HasPrefix(k, s) || strings.HasPrefix(s, k) && len(k) >= 4) {
				return k
			}
		}
	}
	return best
}

// edits is the Levenshtein distance of two short texts, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

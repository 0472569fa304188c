package strictjson

import (
	"strconv"
	"unicode/utf16"
)

// hasLoneSurrogate finds an escape like \ud800 without its other half in a valid JSON string literal. encoding/json reads
// each as U+FFFD, so that different keys would become one.
func hasLoneSurrogate(raw []byte) bool {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		high := hex4(raw, i+1)
		i += 4
		if !utf16.IsSurrogate(high) {
			continue
		}
		if i+2 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' || utf16.DecodeRune(high, hex4(raw, i+3)) == '\uFFFD' {
			return true
		}
		i += 6
	}
	return false
}

// hex4 reads four hexadecimal digits; -1 when they are not there.
func hex4(raw []byte, at int) rune {
	if at+4 > len(raw) {
		return -1
	}
	n, err := strconv.ParseInt("0"+string(raw[at:at+4]), 16, 32)
	if err != nil {
		return -1
	}
	return rune(n) // four digits always fit
}

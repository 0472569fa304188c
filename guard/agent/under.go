package agent

import (
	"slices"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// UnderAll is the answer about an image of which the runtime tells no name, by those about it under all names that it has: it has to be
// allowed under each of the first must ones, and nobody may object to it, or deny it, under any other. Break-glass counts against all but the
// deny list, as it does for one name. There has to be at least one answer, and must is at least 1.
func UnderAll(all []engine.Answer, must int) engine.Answer {
	if n := slices.IndexFunc(all, func(a engine.Answer) bool { return a.Class == engine.ClassDenied }); n >= 0 {
		return all[n]
	}
	if n := slices.IndexFunc(all, func(a engine.Answer) bool { return a.Class == engine.ClassBreakGlass }); n >= 0 {
		return all[n]
	}
	for n, a := range all {
		if !a.Allow && (n < must || a.Class == engine.ClassObjected) {
			return a
		}
	}
	return all[0]
}

package cause

import "fmt"

// modeBits are a file's permissions, as the umask or a copied tree left them.
var modeBits = Cause{
	Class: "T11", Title: "mode", judge: judgeMode,
	Remedy: "set modes in the step: chmod, install -m, COPY --chmod",
	Page: `A file's permissions differ: they came from the umask, from a folder with the set-group-id bit, or from a source tree that was checked out
otherwise.

Set them in the step: chmod -R go-w, install -m 0644, COPY --chmod=644.`,
}

func judgeMode(s *spot) (verdict, bool) {
	if s.field != "mode" {
		return verdict{}, false
	}
	return verdict{certainty: Certain, weight: 9, evidence: fmt.Sprintf("the mode is %s in A, %s in B", s.a, s.b)}, true
}

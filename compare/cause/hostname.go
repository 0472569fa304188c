package cause

import "fmt"

// hostName is the name of the machine or of the user who built.
var hostName = Cause{
	Class: "T7", Title: "host or user name", judge: judgeHost,
	Remedy: "keep the host's and user's name out of the file, or delete the file in the step that writes it",
	Page: `A program wrote the name of the machine, its domain, or of the user who built.

Builders A and B have names that no file holds by accident. Give the value yourself where a program lets you (KBUILD_BUILD_HOST and
KBUILD_BUILD_USER, rpm's _buildhost); else remove it.`,
}

func judgeHost(s *spot) (verdict, bool) {
	if v, ok := s.planted("T7"); ok {
		return v, true
	}
	if s.format == "image" {
		switch s.field {
		case "uid", "gid", "uname", "gname":
			return verdict{certainty: Certain, weight: 8, evidence: fmt.Sprintf("the entry's %s is %s in A, %s in B", s.field, quote(s.a), quote(s.b)),
				fix: "give the owner in the step: chown, or COPY --chown"}, true
		}
	}
	return verdict{}, false
}

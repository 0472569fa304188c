package format

import (
	"path"
	"strings"
)

// relative refuses absolute paths, in either system's spelling.
func relative(s string) *Problem {
	switch {
	case strings.HasPrefix(s, "/"), len(s) > 1 && s[1] == ':':
		return &Problem{Summary: "`" + short(s) + "` is an absolute path",
			Why: "an absolute path means something else on every machine", Help: "write it relative to the recipe, like `.` or `../app`"}
	case strings.Contains(s, `\`):
		return &Problem{Why: "paths are written with / on every system", Help: "write `" + strings.ReplaceAll(short(s), `\`, "/") + "`"}
	}
	return nil
}

// inside refuses paths that leave their folder.
func inside(s string) *Problem {
	if p := relative(s); p != nil {
		p.Help = "write it relative to its folder, like `base`"
		return p
	}
	if clean := path.Clean(s); clean == ".." || strings.HasPrefix(clean, "../") {
		return &Problem{Summary: "`" + short(s) + "` leaves its folder",
			Why: "nothing outside the folder is reviewed or hashed with it", Help: "move the file into the folder, or set `source: {path: ..}`"}
	}
	return nil
}

// file refuses what can only be a folder.
func file(s string) *Problem {
	if p := inside(s); p != nil {
		return p
	}
	if strings.HasSuffix(s, "/") || path.Clean(s) == "." {
		return &Problem{Summary: "`" + short(s) + "` is a folder", Why: "a file is meant here"}
	}
	return nil
}

// noParent refuses any `..`: what it means depends on links inside an image.
func noParent(s string) *Problem {
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return &Problem{Summary: "`" + short(s) + "` has `..` in it", Help: "write the path without `..`"}
		}
	}
	return nil
}

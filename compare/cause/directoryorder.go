package cause

import (
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// directoryOrder is the order in which the filesystem lists a folder.
var directoryOrder = Cause{
	Class: "T18", Title: "directory order", judge: judgeDirectory,
	Remedy: "sort the list: LC_ALL=C sort; find ... | LC_ALL=C sort; $(sort $(wildcard ...)) in make; sorted(os.listdir())",
	Page: `A program took files in the order in which the filesystem lists them. That order is nobody's promise: it differs between filesystems, and between
two disks with one.

Sort every list of files: ls sorts by itself (by the locale), find, os.listdir, readdir, glob in many languages do not.`,
}

var digits = lazyregexp.New(`\d+`)

// leastFalling is how many lines must stand the newest first before that is no race: chance gives it once in so many factorial.
const leastFalling = 6

func judgeDirectory(s *spot) (verdict, bool) {
	if s.kind() != "order" || s.part == nil {
		return verdict{}, false
	}
	switch s.format {
	case "tar", "zip", "ar", "cpio":
		return verdict{certainty: Likely, weight: 5, evidence: "archives take files as a folder lists them"}, true
	case "elf":
		return verdict{certainty: Likely, weight: 5, evidence: "the linker took its inputs in another order"}, true
	}
	switch {
	case len(s.orderB) >= leastFalling && falling(s.orderB) && !falling(s.orderA):
		return verdict{certainty: Certain, weight: 9, evidence: "B's lines are in the order in which its filesystem lists a folder: the newest first"}, true
	case s.nameFiles():
		return verdict{certainty: Likely, weight: 7, evidence: "the lines that stand in another order look like names of files"}, true
	}
	return verdict{certainty: Likely, weight: 2, evidence: "the same lines in another order"}, true
}

var fileName = lazyregexp.New(`^\.{0,2}/?[\w@%+=:,.~-]+(/[\w@%+=:,.~ -]+)*/?$`)

// nameFiles says whether nearly all lines look like the names of files: they have a folder or an ending, or are names of the layer's.
func (s *spot) nameFiles() bool {
	n := 0
	for _, l := range s.orderA {
		l = strings.TrimSpace(l)
		if fields := strings.Fields(l); len(fields) == 2 { // a checksum and a name, a size and a name
			l = fields[1]
		}
		if fileName.MatchString(l) && (strings.Contains(l, "/") || path.Ext(l) != "" || s.layer.names[l]) {
			n++
		}
	}
	return len(s.orderA) > 1 && n*10 >= len(s.orderA)*9
}

package cause

import (
	"fmt"
	"path"
	"strconv"
)

// inodeNumber is the number or device that a filesystem gave a file.
var inodeNumber = Cause{
	Class: "T17", Title: "inode number", judge: judgeInode,
	Remedy: "do not write inode or device numbers; delete the cache that holds them (rm -f /var/cache/ldconfig/aux-cache)",
	Page: `A cache or key holds the inode number, device or change time of files, which each filesystem gives anew.

ldconfig's aux-cache, git's index and make-like caches do so. Delete them in the same step.`,
}

func judgeInode(s *spot) (verdict, bool) {
	if path.Base(s.path) == "aux-cache" {
		return verdict{certainty: Certain, weight: 9, evidence: "ldconfig's cache of inode numbers and change times", fix: "rm -f /" + s.path + " in the same step"}, true
	}
	if v, ok := s.planted("T17"); ok {
		return v, true
	}
	for _, r := range s.runs {
		a, errA := strconv.ParseUint(r.a.word(), 10, 64)
		b, errB := strconv.ParseUint(r.b.word(), 10, 64)
		if errA == nil && errB == nil && s.world.Inodes.near(a, b) {
			return verdict{certainty: Likely, weight: 6, evidence: fmt.Sprintf("inode numbers such as the builders' filesystems give: %d and %d", a, b)}, true
		}
	}
	return verdict{}, false
}

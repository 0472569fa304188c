package doctor

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// writable finds what others than root (and n.UID) can replace: path itself, and every folder above it.
func (n Node) writable(code diag.Code, path, why string) (out []Finding) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return []Finding{finding(code, path, "cannot be followed: "+err.Error(), why, "make it a path that is there")}
	}
	child := uint32(0) // who owns what is below the folder that is looked at
	for at := real; ; at = filepath.Dir(at) {
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return append(out, finding(code, at, err.Error(), why, "make it a path that is there"))
		}
		// In a folder with the sticky bit (/tmp) nobody replaces what belongs to somebody else.
		sticky := at != real && st.Mode&unix.S_ISVTX != 0 && n.trusted(child)
		switch {
		case !n.trusted(st.Uid):
			out = append(out, finding(code, at, fmt.Sprintf("belongs to uid %d", st.Uid), why, "chown root:root "+at))
		case sticky:
		case st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0:
			out = append(out, finding(code, at, fmt.Sprintf("may be written to by others (mode %04o, gid %d)", st.Mode&0o7777, st.Gid), why, "chmod go-w "+at))
		}
		child = st.Uid
		if at == string(os.PathSeparator) || at == "." {
			return out
		}
	}
}

func (n Node) trusted(uid uint32) bool { return uid == 0 || int(uid) == n.UID }

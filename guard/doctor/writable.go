package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// writable finds what others than root (and n.UID) can replace: path itself, every folder above it, and those of the links on the way.
func (n Node) writable(code diag.Code, path, why string) (out []Finding) {
	steps, err := way(path)
	if err != nil {
		return []Finding{finding(code, path, "cannot be followed: "+err.Error(), why, "make it a path that is there")}
	}
	for _, s := range steps {
		// In a folder with the sticky bit (/tmp) nobody replaces what belongs to somebody else.
		sticky := !s.last && s.st.Mode&unix.S_ISVTX != 0 && n.trusted(s.next)
		switch {
		case !n.trusted(s.st.Uid):
			out = append(out, finding(code, s.at, fmt.Sprintf("belongs to uid %d", s.st.Uid), why, "chown root:root "+s.at))
		case sticky:
		case s.st.Mode&0o002 != 0 || s.st.Mode&0o020 != 0 && s.st.Gid != 0:
			out = append(out, finding(code, s.at, fmt.Sprintf("may be written to by others (mode %04o, gid %d)", s.st.Mode&0o7777, s.st.Gid), why, "chmod go-w "+s.at))
		}
	}
	return sorted(out) // links may lead through one folder twice
}

// step is a folder on the way to a path, or what is there.
type step struct {
	at   string
	st   unix.Stat_t
	next uint32 // who owns what the way goes on to in this folder, which may be a link
	last bool
}

// maxLinks is how many links the kernel follows (path_resolution(7)).
const maxLinks = 40

// way is how the kernel comes to a path: through each folder, also those of links and of what they lead to.
func way(path string) (steps []step, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	at, links := "/", 0
	for rest := strings.Split(path, "/"); len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		folder, next := step{at: at}, filepath.Join(at, name)
		var st unix.Stat_t
		if err := errors.Join(stat(at, &folder.st), stat(next, &st)); err != nil {
			return nil, err
		}
		folder.next = st.Uid
		steps = append(steps, folder)
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if links++; links > maxLinks {
			return nil, &os.PathError{Op: "lstat", Path: path, Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	end := step{at: at, last: true}
	err = stat(at, &end.st)
	return append(steps, end), err
}

func stat(path string, st *unix.Stat_t) error {
	if err := unix.Lstat(path, st); err != nil {
		return &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return nil
}

func (n Node) trusted(uid uint32) bool { return uid == 0 || int(uid) == n.UID }

package userns

import (
	"fmt"
	"os"
	osuser "os/user"
	"strconv"
)

// user is who we are on the machine, and what ids the machine gives us besides our own.
type user struct {
	name       string
	uid, gid   int
	uids, gids []idRange
	free       int // an id from which on nobody has any
}

// thisUser reads /etc/passwd, /etc/subuid and /etc/subgid; a file that is not there gives nobody any ids.
func thisUser() (user, error) {
	u := user{uid: os.Getuid(), gid: os.Getgid()}
	entry, err := osuser.LookupId(strconv.Itoa(u.uid))
	if err != nil {
		return u, fmt.Errorf("who is user %d: %w", u.uid, err)
	}
	u.name = entry.Username
	var freeUID, freeGID int
	u.uids, freeUID = rangesIn("/etc/subuid", u)
	u.gids, freeGID = rangesIn("/etc/subgid", u)
	u.free = max(freeUID, freeGID)
	return u, nil
}

func rangesIn(file string, u user) ([]idRange, int) {
	data, _ := os.ReadFile(file) //nolint:gosec // one of two
	return rangesOf(string(data), u.name, u.uid)
}

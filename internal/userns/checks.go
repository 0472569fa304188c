package userns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Check is one thing that a machine needs to let a normal user be root of a user namespace.
type Check struct {
	Name   string
	OK     bool
	Detail string // what was found, or what is missing
	Help   string // what to do, most often a command for the machine's root; empty when OK
}

// Checks looks at all of them, for the user that this process runs as. It makes a user namespace to see whether it may.
func Checks() []Check {
	checks := []Check{namespaces()}
	for _, program := range []string{"newuidmap", "newgidmap"} {
		c := Check{Name: program, OK: true}
		var err error
		if c.Detail, err = find(program); err != nil {
			c = Check{Name: program, Detail: err.Error(), Help: "run `apt-get install uidmap` as root"}
		}
		checks = append(checks, c)
	}
	me, err := thisUser()
	if err != nil {
		return append(checks, Check{Name: "user", Detail: err.Error(), Help: "give the user a name in /etc/passwd"})
	}
	return append(checks, me.check("/etc/subuid", "--add-subuids", me.uids), me.check("/etc/subgid", "--add-subgids", me.gids))
}

// namespaces tries to make one.
func namespaces() Check {
	_, done, err := hold()
	if err != nil {
		return Check{Name: "user namespaces", Detail: "making a user namespace: " + err.Error(), Help: obstacle()}
	}
	done()
	return Check{Name: "user namespaces", OK: true, Detail: "allowed"}
}

// switches are the kernel's switches that keep normal users from user namespaces, each with the value that does so. Which of them exist
// depends on the distribution: the first is Debian's, the third Ubuntu's.
var switches = []struct{ path, value, help string }{
	{"kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
	{"user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"},
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
}

// Switch is the help for the kernel's switch that is found to forbid user namespaces, or what one is for; empty when none is.
func Switch() string { return switchedOff(os.ReadFile) }

// obstacle is the help for a user namespace that cannot be made: the kernel's switch, else where else to look.
func obstacle() string {
	if help := Switch(); help != "" {
		return help
	}
	return "allow user namespaces: in a container by its seccomp profile (--security-opt seccomp=unconfined), elsewhere by the kernel's configuration (CONFIG_USER_NS)"
}

func switchedOff(read func(string) ([]byte, error)) string {
	for _, o := range switches {
		if data, err := read("/proc/sys/" + o.path); err == nil && strings.TrimSpace(string(data)) == o.value {
			return "run `" + o.help + "` as root"
		}
	}
	return ""
}

// idRange is count ids from first on.
type idRange struct{ first, count int }

// enough is how many ids an image's files may need: those of 16 bits, of which the user is one.
const enough = 65535

// check says whether there are enough ids for the files of an image.
func (u user) check(file, flag string, ranges []idRange) Check {
	total := 0
	for _, r := range ranges {
		total += r.count
	}
	if total >= enough {
		return Check{Name: file, OK: true, Detail: fmt.Sprintf("%d ids for %s", total, u.name)}
	}
	first := u.free
	return Check{Name: file, Detail: fmt.Sprintf("%s gives %s %d ids, and an image needs %d", file, u.name, total, enough),
		Help: fmt.Sprintf("run `usermod %s %d-%d %s` as root", flag, first, first+enough, u.name)}
}

// rangesOf reads the lines (subuid(5), name:first:count) of a user, given by name or number. free is the first id, from 100000 on, above
// everybody's.
func rangesOf(text, name string, uid int) (own []idRange, free int) {
	free = 100000
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(fields[1])
		count, err2 := strconv.Atoi(fields[2])
		if err1 != nil || err2 != nil || first < 1 || count < 1 {
			continue
		}
		free = max(free, first+count)
		if fields[0] == name || fields[0] == strconv.Itoa(uid) {
			own = append(own, idRange{first, count})
		}
	}
	return own, free
}

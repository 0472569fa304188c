package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// callRules judge one command each. Rules about a whole step are in leftovers.
var callRules = []func(*script, call){
	clock, random, randomFile, native, dateMacros, upgrade, gitClone, hostKeys, machineID, machineName, pip, npm, bytecode,
}

// relativeTime is a text behind `date -d` that still depends on the time of day.
var relativeTime = lazyregexp.New(`(?i)^\s*$|now|today|yesterday|tomorrow|ago|next|last|^[+-]?\s*[0-9]+ (sec|min|hour|day|week|month|year)`)

// clock warns of date, unless it is told which time to print.
func clock(s *script, c call) {
	if c.name != "date" || c.has("-r", "--reference", "--version", "--help") {
		return
	}
	for i, a := range c.args {
		value, given := strings.CutPrefix(a.text, "--date=")
		switch {
		case given:
		case a.text == "--date" || strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.HasSuffix(a.text, "d"):
			if i+1 >= len(c.args) {
				continue
			}
			value = c.args[i+1].text
		case strings.HasPrefix(a.text, "-d"):
			value = a.text[2:]
		case strings.HasPrefix(a.text, "-r"):
			return
		default:
			continue
		}
		if strings.Contains(value, "$") || !relativeTime.MatchString(value) {
			return
		}
	}
	s.report(diag.CodeLintClock, c.pos, "`date` gives the time of the build", "the two builds run at different times, a year apart",
		"run `date -u -d \"@$SOURCE_DATE_EPOCH\"` with the same format")
}

// keyMakers are the subcommands of openssl that draw random numbers into their result.
var keyMakers = []string{"rand", "genrsa", "genpkey", "gendsa", "dhparam", "req"}

// random warns of programs whose result is random.
func random(s *script, c call) {
	first := ""
	if len(c.args) > 0 {
		first = c.args[0].text
	}
	switch {
	case c.name == "mktemp" || c.name == "uuidgen" || c.name == "pwgen":
	case c.name == "shuf" && !c.has("--random-source"):
	case c.name == "openssl" && contains(keyMakers, first):
		c.name += " " + first
	default:
		return
	}
	help := "take a fixed value, or make it when the container starts"
	if c.name == "mktemp" {
		help = "take a fixed path, like `/tmp/build`"
	}
	s.report(diag.CodeLintRandom, c.pos, "`"+c.name+"` gives another result each time", "if it gets into a file, the two builds differ", help)
}

// randomFile warns of reading the kernel's random numbers; making a device of that name is something else.
func randomFile(s *script, c call) {
	if contains([]string{"ln", "mknod", "rm", "ls", "chmod", "test", "["}, c.name) || textTools[c.name] && !c.shown {
		return
	}
	for _, a := range c.args {
		s.randomPath(a.text, a.node.Pos())
	}
}

func (s *script) randomPath(path string, pos syntax.Pos) {
	path = strings.TrimPrefix(path, "if=")
	if contains([]string{"/dev/urandom", "/dev/random", "/dev/hwrng", "/proc/sys/kernel/random/uuid"}, path) {
		s.report(diag.CodeLintRandom, pos, "`"+path+"` gives other bytes each time", "if they get into a file, the two builds differ", "make keys and secrets when the container starts")
	}
}

// machineFlag is a compiler's flag that means the CPU it runs on.
var machineFlag = lazyregexp.New(`-m(?:arch|tune|cpu)=native|target-cpu=native`)

func nativeFlag(text string) string { return machineFlag.FindString(text) }

// textTools show or search text; a word that they are given is not what the step does, unless it goes into a file.
var textTools = map[string]bool{"echo": true, "printf": true, "grep": true, "egrep": true, "fgrep": true, "rg": true, "sed": true, "awk": true, "ag": true, ":": true, "ack": true, "perl": true}

func native(s *script, c call) {
	if textTools[c.name] && (!c.shown || c.name != "echo" && c.name != "printf") {
		return
	}
	for _, a := range c.args {
		if flag := nativeFlag(a.text); flag != "" {
			at, line := s.at(a.node.Pos())
			s.native(flag, at, line)
		}
	}
}

func (l *linter) native(flag string, at diag.Position, line string) {
	l.warn(diag.CodeLintNative, at, line, "`"+flag+"` compiles for the CPU of the builder", "another builder makes another program, and it may not run elsewhere",
		"name a baseline, like `-march=x86-64-v2`, or leave it out")
}

// macro is one of C's ways to put the time of compilation into a program.
var macro = lazyregexp.New(`\b__(?:DATE|TIME|TIMESTAMP)__\b`)

func dateMacro(text string) string { return macro.FindString(text) }

// dateMacros looks at what a step writes: echo and printf into a file, and documents. A macro behind -D or -U is the cure.
func dateMacros(s *script, c call) {
	if textTools[c.name] && (!c.shown || c.name != "echo" && c.name != "printf") {
		return
	}
	for _, a := range c.args {
		if m := dateMacro(a.text); m != "" && !strings.HasPrefix(a.text, "-D") && !strings.HasPrefix(a.text, "-U") && !strings.HasPrefix(a.text, "-W") {
			at, line := s.at(a.node.Pos())
			s.dateMacro(m, at, line)
		}
	}
}

func (l *linter) dateMacro(m string, at diag.Position, line string) {
	l.warn(diag.CodeLintDateMacro, at, line, "`"+m+"` puts the time of compilation into the program", "the two builds run at different times",
		"remove it, or pass the time in from $SOURCE_DATE_EPOCH")
}

// upgraders are the package managers and their words for an upgrade of everything.
var upgraders = map[string][]string{
	"apt-get": {"upgrade", "dist-upgrade", "full-upgrade"}, "apt": {"upgrade", "dist-upgrade", "full-upgrade"}, "aptitude": {"safe-upgrade", "full-upgrade"},
	"apk": {"upgrade"}, "dnf": {"upgrade", "update"}, "microdnf": {"upgrade", "update"}, "yum": {"upgrade", "update"}, "zypper": {"update", "up", "dist-upgrade", "dup"},
}

func upgrade(s *script, c call) {
	words, known := upgraders[c.name]
	operands := c.operands("-o", "-t", "-c")
	// `dnf upgrade curl` names what it upgrades.
	if known && len(operands) == 1 && contains(words, operands[0].text) {
		s.report(diag.CodeLintUpgrade, c.pos, "`"+c.name+" "+operands[0].text+"` upgrades whatever is old that day", "it stores every replaced file twice, and does something else after each lock",
			"run `selfsame lock --upgrade` to take a newer base instead")
	}
}

func gitClone(s *script, c call) {
	if c.name != "git" {
		return
	}
	operands := c.operands("-C", "-c", "--git-dir", "--work-tree")
	if len(operands) == 0 {
		return
	}
	verb := operands[0].text
	if contains([]string{"clone", "fetch", "pull"}, verb) || verb == "submodule" && len(operands) > 1 && operands[1].text == "update" {
		s.report(diag.CodeLintGitClone, c.pos, "`git "+verb+"` cannot be sealed", "git asks by POST, and what it gets is not in the lock",
			"fetch it with `ADD https://example.com/team/lib.git#v1.2.3 /src/lib`")
	}
}

// hostKeys warns of ssh-keygen where it makes a key.
func hostKeys(s *script, c call) {
	if c.name != "ssh-keygen" || c.has("-R", "-F", "-H", "-l", "-y", "-s", "-L", "-Y", "-e", "-i", "-k", "-Q", "-B") || s.cleans("ssh_host") {
		return
	}
	s.report(diag.CodeLintHostKeys, c.pos, "`ssh-keygen` makes a new key in each build", "the builds differ, and all containers share one private key",
		"run `ssh-keygen -A` when the container starts")
}

func machineID(s *script, c call) {
	makes := c.name == "systemd-machine-id-setup" || c.name == "dbus-uuidgen" && !c.has("--get") || c.name == "systemd-firstboot" && c.has("--setup-machine-id")
	if makes && !s.cleans("machine-id") {
		s.report(diag.CodeLintMachineID, c.pos, "`"+c.name+"` makes a random machine id", "it differs in every build and is one for all containers", "run `: > /etc/machine-id` in the same step")
	}
}

// machineName warns where a step asks for what the two builds do not share. The machine's architecture they do.
func machineName(s *script, c call) {
	switch c.name {
	case "uname":
		asks := c.has("--all", "--kernel-release", "--kernel-version", "--nodename")
		for _, a := range c.args {
			asks = asks || strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.ContainsAny(a.text, "arvn")
		}
		if !asks {
			return
		}
	case "hostname":
		if len(c.operands()) > 0 || c.has("-F", "--file", "-V", "--version", "--help") {
			return
		}
	default:
		return
	}
	s.report(diag.CodeLintMachine, c.pos, "`"+c.name+"` names the machine that builds", "the two builds run under different names", "remove it; `uname -m` and `uname -s` are fine")
}

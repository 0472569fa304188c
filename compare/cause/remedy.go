package cause

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Remedy is a change of one instruction that may mend a finding. Whether it does is found out by building.
type Remedy struct {
	Class Class  // of the cause that it is for
	Title string // what it does, one line
	// Deletes says that it removes a file, which any number of such remedies can do together.
	Deletes bool
	change  func(instruction string) string
}

// Apply changes the text of an instruction, as it stands in the Dockerfile; false where there is nothing to change.
func (r Remedy) Apply(instruction string) (string, bool) {
	out := r.change(instruction)
	return out, out != instruction
}

// Remedies lists what may mend a finding, the least invasive first.
func Remedies(f Finding) []Remedy {
	classes := append([]Class{f.Class}, f.Also...)
	if f.Class == "" {
		classes = blind
	}
	var out []Remedy
	for _, c := range classes {
		give := remedies[c]
		if give == nil {
			continue
		}
		for _, r := range give(f) {
			r.Class = c
			out = append(out, r)
		}
	}
	for _, r := range deleted(f) {
		r.Class, r.Deletes = f.Class, true
		out = append(out, r)
	}
	return out
}

// blind is what is tried where the bytes say nothing: what leaves no trace of its own first.
var blind = []Class{"T6", "T7", "T8", "T18", "T15", "T13", "T10", "T9"}

// remedies are the known ones by class.
var remedies = map[Class]func(f Finding) []Remedy{
	"T1": clockRemedies,
	"T3": packRemedies,
	"T4": orderRemedies,
	"T5": func(Finding) []Remedy { return []Remedy{oneThread} },
	"T6": func(Finding) []Remedy {
		return []Remedy{fixedFolder, fixedFile, exported("keep what is temporary in a fixed place", "TMPDIR=/tmp")}
	},
	"T7": func(Finding) []Remedy { return []Remedy{fixedHost} },
	"T8": func(Finding) []Remedy { return []Remedy{fixedKernel} },
	"T9": func(Finding) []Remedy {
		return []Remedy{exported("set the locale", "LC_ALL=C.UTF-8"), exported("set the locale", "LC_ALL=C")}
	},
	"T10": func(Finding) []Remedy { return []Remedy{exported("set the time zone", "TZ=UTC")} },
	"T12": func(Finding) []Remedy { return []Remedy{fixedCPUs, fewerVariables} },
	"T13": randomRemedies,
	"T15": func(Finding) []Remedy { return []Remedy{oneJob, inTurn, fixedCPUs} },
	"T16": func(Finding) []Remedy { return []Remedy{namedCPU} },
	"T18": orderRemedies,
	"T24": toolRemedies,
	"T25": func(Finding) []Remedy { return []Remedy{noVCS} },
}

// replaced changes every match of a pattern.
func replaced(title, pattern, with string) Remedy {
	re := lazyregexp.New(pattern)
	return Remedy{Title: title, change: func(s string) string { return re.ReplaceAllString(s, with) }}
}

// together makes several changes one.
func together(title string, list ...Remedy) Remedy {
	return Remedy{Title: title, change: func(s string) string {
		for _, r := range list {
			s = r.change(s)
		}
		return s
	}}
}

var (
	runHead = lazyregexp.New(`(?is)^(\s*RUN\s+(?:--\S+\s+)*)(.*)$`)
	heredoc = lazyregexp.New(`^<<-?["']?(\w+)["']?[ \t]*\r?\n`)
)

// isExec says whether a RUN's text is a list of words in JSON, and not for a shell.
func isExec(body string) bool {
	var words []string
	return json.Unmarshal([]byte(body), &words) == nil
}

// exported sets variables for the whole step.
func exported(title string, vars ...string) Remedy {
	return Remedy{Title: title + ": " + strings.Join(vars, " "), change: func(s string) string {
		m := runHead.FindStringSubmatch(s)
		if m == nil || strings.Contains(s, "export "+vars[0]) {
			return s
		}
		head, body, line := m[1], m[2], "export "+strings.Join(vars, " ")
		switch {
		case isExec(body):
			return head + `["env", "` + strings.Join(vars, `", "`) + `", ` + strings.TrimLeft(strings.TrimSpace(body)[1:], " ") + "\n"
		case strings.HasPrefix(body, "<<"):
			at := heredoc.FindString(body)
			if at == "" || strings.HasPrefix(body[len(at):], "#!") {
				return s
			}
			return head + at + line + "\n" + body[len(at):]
		}
		return head + line + " && " + body
	}}
}

// then runs a command at the end of the step.
func then(title, command string) Remedy {
	return Remedy{Title: title + ": " + command, change: func(s string) string {
		m := runHead.FindStringSubmatch(s)
		if m == nil || isExec(m[2]) || strings.Contains(s, "\r") {
			return s
		}
		text := strings.TrimRight(s, " \n\t")
		if at := heredoc.FindStringSubmatch(m[2]); at != nil {
			if i := strings.LastIndex(text, "\n"+at[1]); i >= 0 && !strings.Contains(m[2], "\n#!") && !strings.HasPrefix(m[2][len(at[0]):], "#!") {
				return text[:i] + "\n" + command + text[i:] + "\n"
			}
			return s
		}
		if strings.Contains(m[2], "<<") || strings.HasSuffix(text, "\\;") || strings.HasSuffix(text, "&") {
			return s
		}
		return strings.TrimRight(text, "; ") + " \\\n && " + command + "\n"
	}}
}

// disposable are files that an image can do without: logs, caches, what package managers leave behind, and what is made when the
// container starts.
var disposable = lazyregexp.New(`^(var/log/|var/cache/|var/tmp/|tmp/|root/\.(cache|npm|wget-hsts|cpan|gnupg/random_seed)|var/lib/apt/lists/|var/lib/(dpkg|debconf)/\S+-old$|` +
	`etc/(passwd|group|shadow|gshadow|subuid|subgid)-$|var/lib/systemd/random-seed|etc/machine-id|var/lib/dbus/machine-id|etc/ssh/ssh_host_|var/lib/ucf/\S+\.\d$|run/)`)

// deleted removes the file in the step that makes it.
func deleted(f Finding) []Remedy {
	if f.Difference.Kind != compare.KindModified && f.Difference.Kind != compare.KindAdded && f.Difference.Kind != compare.KindRemoved {
		return nil
	}
	p := path.Clean("/" + f.Difference.Path)
	if !plainPath.MatchString(p) {
		return nil
	}
	git := strings.Index(p, "/.git/")
	switch {
	case disposable.MatchString(p[1:]):
		return []Remedy{then("delete it in the same step", "rm -f "+p)}
	case git >= 0:
		return []Remedy{then("delete it in the same step", "rm -rf "+p[:git]+"/.git")}
	case strings.Contains(p, "/__pycache__/"):
		return []Remedy{then("delete it in the same step", "rm -rf "+path.Dir(p))}
	}
	return nil
}

// plainPath is a name that a shell takes as it is.
var plainPath = lazyregexp.New(`^[\w@%+=:,./-]+$`)

package lint

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// leftovers judges what installing Debian packages leaves in the image: logs, keys, ids. Only the step that made a file can
// take it out of its layer again, and only layers of the image count.
func (s *script) leftovers() {
	if !s.final || s.depth > 0 {
		return
	}
	for _, c := range s.calls {
		packages, ok := c.installs()
		if !ok {
			continue
		}
		s.logs(c)
		for _, p := range packages {
			name, _, _ := strings.Cut(p.text, "=")
			name, _, _ = strings.Cut(name, ":")
			switch {
			case name == "openssh-server" && !s.cleans("ssh_host"):
				s.report(diag.CodeLintHostKeys, p.node.Pos(), "installing `openssh-server` makes host keys", "the builds differ, and all containers share one private key",
					"add `rm -f /etc/ssh/ssh_host_*` to this step, and run `ssh-keygen -A` when the container starts")
			case contains([]string{"systemd", "systemd-sysv", "dbus"}, name) && !s.cleans("machine-id"):
				s.report(diag.CodeLintMachineID, p.node.Pos(), "installing `"+name+"` makes a random machine id", "it differs in every build and is one for all containers",
					"add `: > /etc/machine-id` to this step")
			}
		}
	}
}

// installs gives the packages that a call installs with Debian's tools.
func (c call) installs() ([]word, bool) {
	switch c.name {
	case "apt-get", "apt", "aptitude":
		operands := c.operands("-o", "-t", "-c", "--target-release", "--option")
		if len(operands) > 0 && contains([]string{"install", "build-dep"}, operands[0].text) && !c.has("--download-only", "-d", "--simulate", "-s") {
			return operands[1:], true
		}
	case "dpkg":
		if c.has("-i", "--install", "--configure") {
			return c.operands(), true
		}
	}
	return nil, false
}

// logs warns once for a step that installs and leaves the installers' traces.
func (s *script) logs(c call) {
	var left, remove []string
	if !s.cleans("/var", "log") {
		left, remove = append(left, "`/var/log`"), append(remove, "/var/log/*")
	}
	if !s.cleans("aux-cache") && !s.cleans("/var/cache/ldconfig") && !s.cleans("/var/cache/*") && !s.cleans("/var/", "cache", "{") {
		left, remove = append(left, "`/var/cache/ldconfig/aux-cache`"), append(remove, "/var/cache/ldconfig/aux-cache")
	}
	if len(left) > 0 {
		s.report(diag.CodeLintLogs, c.pos, "installing packages leaves "+strings.Join(left, " and ")+" behind", "they hold the time of day of the build",
			"add `&& rm -rf "+strings.Join(remove, " ")+"` to this step")
	}
}

// pipInstall finds a call of pip install, by itself, as a module of Python, or of uv, and gives its operands.
func (c call) pipInstall() ([]word, bool) {
	withWord := []string{"-r", "--requirement", "-c", "--constraint", "-t", "--target", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--prefix", "--root",
		"--python", "-p", "--progress-bar", "--platform", "--trusted-host", "--cache-dir", "--timeout", "--retries"}
	operands := c.operands(withWord...)
	switch {
	case pipName.MatchString(c.name):
	case pythonName.MatchString(c.name) && len(operands) > 0 && operands[0].text == "pip" && c.has("-m"):
		operands = operands[1:]
	case c.name == "uv" && len(operands) > 0 && operands[0].text == "pip":
		operands = operands[1:]
	default:
		return nil, false
	}
	if len(operands) == 0 || operands[0].text != "install" {
		return nil, false
	}
	return operands[1:], true
}

var (
	pipName    = lazyregexp.New(`^pip(3(\.[0-9]+)?)?$`)
	pythonName = lazyregexp.New(`^python(3(\.[0-9]+)?)?$`)
	// exactVersion is a package of npm with a whole version behind it.
	exactVersion = lazyregexp.New(`^(@[^/]+/)?[^@]+@v?[0-9]+\.[0-9]+\.[0-9]+`)
)

func pip(s *script, c call) {
	operands, ok := c.pipInstall()
	if !ok || c.has("--require-hashes", "--no-index") || s.isSet(c, "PIP_REQUIRE_HASHES") || s.isSet(c, "PIP_NO_INDEX") {
		return
	}
	remote := c.has("-r", "--requirement")
	for _, o := range operands {
		remote = remote || !strings.HasPrefix(o.text, ".") && !strings.HasPrefix(o.text, "/") && !strings.HasSuffix(o.text, ".whl")
	}
	if remote {
		s.report(diag.CodeLintPip, c.pos, "pip installs without hashes", "nobody has said which files are right", "list them with hashes and run `pip install --require-hashes -r requirements.txt`")
	}
}

func npm(s *script, c call) {
	operands := c.operands("--prefix", "-C", "--registry", "--omit", "--include", "-w", "--workspace")
	if c.name != "npm" || len(operands) == 0 || !contains([]string{"install", "i", "add"}, operands[0].text) {
		return
	}
	if !c.has("-g", "--global") {
		s.report(diag.CodeLintNpm, c.pos, "`npm "+operands[0].text+"` may take other versions than the lockfile", "it changes package-lock.json where the two disagree", "run `npm ci`")
		return
	}
	for _, o := range operands[1:] {
		if !exactVersion.MatchString(o.text) && !strings.HasPrefix(o.text, ".") && !strings.HasPrefix(o.text, "/") && !strings.Contains(o.text, "$") {
			s.report(diag.CodeLintNpm, o.node.Pos(), "`"+short(o.text)+"` has no exact version", "each lock may take another one", "name the version, like `"+short(strings.Split(o.text[1:], "@")[0])+"@1.2.3`")
		}
	}
}

// bytecode warns where Python stores its source's time in .pyc files.
func bytecode(s *script, c call) {
	if s.cleans("pyc") {
		return
	}
	_, isPip := c.pipInstall()
	switch operands := c.operands("--invalidation-mode"); {
	case c.name == "uv":
		return // uv does not compile unless told to
	case isPip && !c.has("--no-compile") && !s.isSet(c, "PYTHONDONTWRITEBYTECODE") && !s.isSet(c, "PIP_NO_COMPILE"):
		s.report(diag.CodeLintBytecode, c.pos, "pip writes bytecode that holds the time of its source", "that is the time of the build",
			"set `ENV PYTHONDONTWRITEBYTECODE=1` and add `--no-compile`")
	case pythonName.MatchString(c.name) && len(operands) > 0 && c.has("-m") && contains([]string{"compileall", "py_compile"}, operands[0].text) && !s.hashed(c):
		s.report(diag.CodeLintBytecode, c.pos, "compiled Python holds the time of its source", "that is the time of the build", "add `--invalidation-mode unchecked-hash`")
	}
}

// hashed says that bytecode is to hold a hash of its source in place of a time.
func (s *script) hashed(c call) bool {
	for _, a := range c.args {
		if strings.HasSuffix(a.text, "checked-hash") {
			return true
		}
	}
	return false
}

// isSet says that a variable is set for a call: by ENV or ARG, by export, in front of the call, or by env.
func (s *script) isSet(c call, name string) bool {
	if s.env[name] != "" {
		return true
	}
	for _, a := range c.node.Assigns {
		if a.Name != nil && a.Name.Value == name {
			return true
		}
	}
	for _, w := range c.node.Args {
		if strings.HasPrefix(read(w).text, name+"=") {
			return true
		}
	}
	return s.exported[name]
}

package belt

import "strings"

// call is what matters of runc's command line.
type call struct {
	starts  bool // makes a container
	unknown bool // is none of runc's commands
	id      string
	bundle  string
	log     string
}

// takesValue are runc's flags (version 1.1 to 1.4, and crun's and youki's that are like them) that are followed by a value.
var takesValue = map[string]bool{
	"log": true, "log-format": true, "root": true, "criu": true, "rootless": true,
	"bundle": true, "b": true, "console-socket": true, "pid-file": true, "preserve-fds": true, "pidfd-socket": true, "image-path": true,
	"work-path": true, "parent-path": true, "manage-cgroups-mode": true, "lsm-profile": true, "lsm-mount-context": true, "status-fd": true,
	"page-server": true, "empty-ns": true, "config": true, "f": true, "cgroup-manager": true,
}

// passes are the commands that make no container.
var passes = map[string]bool{
	"checkpoint": true, "delete": true, "events": true, "exec": true, "features": true, "help": true, "h": true, "init": true, "kill": true, "list": true,
	"pause": true, "ps": true, "resume": true, "spec": true, "start": true, "state": true, "update": true,
}

// parse reads a command line as runc does. What it does not know it takes for a flag without value; then the id may be wrong, and a wrong
// id finds no image: that is a refusal, never a start.
func parse(args []string) (c call) {
	command, ended := "", false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" && !ended {
			ended = true
			continue
		}
		if ended || !strings.HasPrefix(arg, "-") || arg == "-" {
			switch {
			case command == "":
				command = arg
			case c.id == "":
				c.id = arg
			}
			continue
		}
		name, value, has := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if takesValue[name] && !has && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch name {
		case "log":
			c.log = value
		case "bundle", "b":
			c.bundle = value
		}
	}
	// `start` starts what was created, and was decided then; `exec` runs in what runs. What is no command at all may be the value of a flag
	// that we do not know.
	c.starts = command == "create" || command == "run" || command == "restore"
	c.unknown = command != "" && !c.starts && !passes[command]
	if c.bundle == "" {
		c.bundle = "."
	}
	return c
}

package diag

var environmentCodes = []Info{
	{"A0701", ExitUndecided, "a builder did not start", "selfsame manages its own BuildKit daemons. One did not come up; the reason is the end of its log.\n\nRun `selfsame doctor`: it checks root, runc, the filesystems and the tracer, and says what to install."},
	{"A0702", ExitUndecided, "a builder failed", "The connection to a builder broke, or the builder itself failed, so nothing can be said about the build.\n\nRun the build again; if it happens again, run `selfsame doctor` and read the builder's log."},
	{"A0703", ExitUndecided, "a builder has no space left", "The filesystem of a builder's state is full.\n\n`selfsame builders stop --remove` drops all that the builders cached."},
	{"A0704", ExitUndecided, "a program is missing", "selfsame runs buildkitd, runc and its own tracer. One of them was not found.\n\n`make build` makes the first two; runc is a package of every distribution (`apt-get install runc`)."},
	{"A0705", ExitUndecided, "not allowed on this machine", "The managed builders make mounts and namespaces, which takes root.\n\nRun as root, in a container with --privileged, or name builders that run elsewhere."},
}

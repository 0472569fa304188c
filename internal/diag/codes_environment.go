package diag

// NoSpace is the code of a full filesystem, for whoever finds it first.
const NoSpace Code = "A0706"

var environmentCodes = []Info{
	{"A0701", ExitUndecided, "a builder did not start", "selfsame manages its own BuildKit daemons. One did not come up; the reason is the end of its log.\n\nRun `selfsame doctor`: it checks root, runc, the filesystems and the tracer, and says what to install."},
	{"A0702", ExitUndecided, "a builder failed", "The connection to a builder broke, or the builder itself failed, so nothing can be said about the build.\n\nRun the build again; if it happens again, run `selfsame doctor` and read the builder's log."},
	{"A0703", ExitUndecided, "a builder has no space left", "The filesystem of a builder's state is full, or one that a step mounts: the builder or the step's own output says so. That says nothing about the recipe.\n\n`selfsame builders stop --remove` drops all that the builders cached."},
	{"A0704", ExitUndecided, "a program is missing", "selfsame runs buildkitd, runc and its own tracer. One of them was not found.\n\n`make build` makes the first two; runc is a package of every distribution (`apt-get install runc`)."},
	{"A0705", ExitUndecided, "not allowed on this machine", "The managed builders make mounts and namespaces. A normal user may do that as root of a user namespace, which needs the programs of the package uidmap, 65536 ids for the user in /etc/subuid and in /etc/subgid, and a kernel that allows user namespaces; the help line says which of them is missing. And results must be written where they were asked for.\n\nDo what the help line says, or run as root or in a container with --privileged, and give --out, --report, --store and --state folders that may be written."},
	{NoSpace, ExitUndecided, "no space is left", "A filesystem is full: the one of the store of sealed inputs (--store, $XDG_CACHE_HOME), of the builders' state (--state, $XDG_STATE_HOME), of the results (--out) or of the recipe's folder. Nothing half-written is left behind.\n\n`selfsame store gc --max 5GB` and `selfsame builders stop --remove` free what can be fetched or made again."},
	{"A0707", ExitUndecided, "a builder died or stopped while it was in use", "While a build runs, selfsame looks after its builders: whether their processes are there and run, whether builder B's tracer beats, and whether BuildKit answers. One of them was killed, stopped or hung. Whatever a step said after that proves nothing, so the build has no result, good or bad. What was left of the builder was ended.\n\nRun the build again: the builder is started anew. If it happens again, look for what kills it (`dmesg` names processes that ran out of memory), and read the builder's log."},
}

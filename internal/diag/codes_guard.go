package diag

// The codes of selfsame-guard. A0900 to A0919 are the engine's and the agent's, A0940 to A0959 the node's gates.
const (
	CodeGuardUnreadable Code = "A0900"
	CodeGuardConfig     Code = "A0901"
	CodeGuardState      Code = "A0902"
	CodeGuardPolicy     Code = "A0903"
	CodeGuardSocket     Code = "A0904"
	CodeGuardAgent      Code = "A0905"
	CodeGuardServe      Code = "A0906"
	CodeGuardNRI        Code = "A0940"
	CodeGuardExport     Code = "A0941"
)

var guardCodes = []Info{
	{CodeGuardUnreadable, ExitUsage, "the guard's configuration cannot be read", `The file of --config is no regular file, or the system refuses to open it. Without it the guard knows no policy, and does not start.

    selfsame-guard check --config /etc/selfsame/guard.yaml
`},
	{CodeGuardConfig, ExitUsage, "the guard's configuration is wrong", `The configuration is one YAML document in plain UTF-8 of at most 1 MiB. Every key is known to this version, because a misspelt one
would leave a gate open without a word; nothing is converted silently. The message points at the place; docs/reference/guard-config.md lists the keys.
`},
	{CodeGuardState, ExitUsage, "the guard's state folder is not its own", `The folder of "state:" holds evidence that was verified, so that a restart does not ask the registry for everything again. Whoever can write
there could say what was verified, so the guard refuses a folder or file that belongs to somebody else or that others may use.

    chmod 700 /var/lib/selfsame-guard
`},
	{CodeGuardPolicy, ExitUsage, "a new policy is not taken", `The guard read a policy that it does not take: an older version than one that was in force on this machine, also before a restart, one that is
over already, or a file that changes while it is read. The policy in force stays until it ends by itself; the metric
selfsame_refresh_failures_total counts each attempt.

Raise "version:" with each change, and replace the file by renaming another one over it. To go back on purpose, give the old rules a version above
the one that the message names; or stop the guard, remove the file that the message names, which is where the version is remembered, and start it.
`},
	{CodeGuardSocket, ExitUndecided, "the agent's socket cannot be used", `The node agent serves on a unix socket, in a folder that only its owner can write to. Another agent may serve there already, or the folder
belongs to somebody else, or others may write to it: then they could put a socket of their own in its place.

    chmod 755 /run/selfsame
`},
	{CodeGuardAgent, ExitUndecided, "the node agent does not answer", `This command asks the agent that runs on this node, through its socket. Nobody listens there, you may not use the socket, or the answer is not
one. While no agent answers, nothing new starts on a node whose gates are set up.

    selfsame-guard agent --config /etc/selfsame/guard.yaml
`},
	{CodeGuardServe, ExitUndecided, "the guard cannot serve", `An address that the configuration names cannot be listened on, or serving ended. The message says which, and why.
`},
	// A0920 to A0939: admission (guard/admission, guard/manifests).
	{"A0920", ExitUsage, "the webhook's certificate cannot be served", `The certificate or key of the webhook cannot be read, they do not belong together, or the certificate is over or not yet valid. An API server
that cannot trust the webhook refuses everything that the webhook is asked about. A renewed pair of files is taken without a restart.

The same holds for the file of --client-ca: it has to hold certificates of authorities, one of which is valid now.

    selfsame-guard certificate --out guard-tls
`},
	{"A0921", ExitUndecided, "the webhook cannot listen", `The address of --listen or --health-listen is in use, is not this machine's, or needs a right that the process does not have. Nothing was
served.
`},
	{"A0922", ExitUsage, "the guard's manifests cannot be written", `A value for the manifests is not what it has to be: a namespace, an image with a digest, a certificate in PEM, an address. Values go into the
manifests as they are, so each is checked first.

    selfsame-guard manifests --help
`},
	{CodeGuardNRI, ExitUndecided, "containerd ended the start gate that it had started", `containerd started the agent as a plugin (NRI_PLUGIN_SOCKET), and the connection between them is over or cannot be used. The agent ends with
it: the next containerd starts another one. Until then nothing starts, if "required_plugins" names it; docs/how-to/node-gates.md shows how.
`},
	{CodeGuardExport, ExitUsage, "a policy.json would reject every image", `A policy.json is written for names: those that the trust file's release signers speak for ("names:"), and those of --scope. There is none.

    selfsame-guard export policy.json --scope registry.example.com/team
`},
}

package diag

// The codes of selfsame-guard. A0900 to A0919 are the engine's and the agent's.
const (
	CodeGuardUnreadable Code = "A0900"
	CodeGuardConfig     Code = "A0901"
)

var guardCodes = []Info{
	{CodeGuardUnreadable, ExitUsage, "the guard's configuration cannot be read", `The file of --config is no regular file, or the system refuses to open it. Without it the guard knows no policy, and does not start.

    selfsame-guard check --config /etc/selfsame/guard.yaml
`},
	{CodeGuardConfig, ExitUsage, "the guard's configuration is wrong", `The configuration is one YAML document in plain UTF-8 of at most 1 MiB. Every key is known to this version, because a misspelt one
would leave a gate open without a word; nothing is converted silently. The message points at the place; docs/reference/guard-config.md lists the keys.
`},
}

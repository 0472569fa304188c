package diag

// The codes of trust files and rosters: what stands between the file and whose word counts.
const (
	CodeTrustUnreadable Code = "A0601"
	CodeTrustText       Code = "A0602"
	CodeTrustKeys       Code = "A0603"
	CodeTrustValue      Code = "A0604"
	CodeTrustForm       Code = "A0605"
	CodeTrustKeyFile    Code = "A0606"
	CodeTrustRoles      Code = "A0607"
	CodeTrustNobody     Code = "A0608"
	CodeTrustWindow     Code = "A0609"
	CodeTrustShared     Code = "A0610"
	CodeTrustWide       Code = "A0611"
)

var trustCodes = []Info{
	{CodeTrustUnreadable, ExitUsage, "the trust file cannot be read", `The path given to --trust or --roster names no regular file, or the system refuses to open it. Without it nobody's word counts, so
nothing is verified.

Look at its permissions, or write one to start from:

    selfsame trust init --key release.pub trust.yaml
`},
	{CodeTrustText, ExitUsage, "the trust file is not plain YAML", `A trust file or roster is one YAML document in plain UTF-8 of at most 1 MiB, without anchors, aliases, merge keys and tags: two
readers must not see two files.

The message points at the place. After correcting it:

    selfsame trust check trust.yaml
`},
	{CodeTrustKeys, ExitUsage, "a key of the trust file is unknown, missing or there twice", `Every key of a trust file or roster is known to this version, because a misspelt "until" would trust somebody for longer
than was meant without a word. The message says which keys there are.

    selfsame trust check trust.yaml
`},
	{CodeTrustValue, ExitUsage, "a value of the trust file has the wrong type", `A text, a list, a mapping or a number is expected, and something else is written; or a value is empty; or a list names one thing
twice. Nothing is converted silently.

    selfsame trust check trust.yaml
`},
	{CodeTrustForm, ExitUsage, "a value of the trust file has the wrong form", `A role, level, time, repository, builder or identity is not written as it must be. The message shows the form:

    roles         release, rebuilder, finding, promoter, revoker, waiver, functionary, indexer, policy, verifier, break-glass
    builders      https://selfsame.build/builder/local/v1: L2
    names         registry.example.com/team/shop, or registry.example.com/team/* for all below
    from, until   2026-01-31 or 2026-01-31T12:00:00Z
`},
	{CodeTrustKeyFile, ExitUsage, "a key that the trust file names cannot be used", `A public key is named by its path, relative to the trust file, or written into it as a PEM block. This one is not there, is no public
key, or is of a kind that is not supported. A private key is refused: who verifies must not be able to sign.

    selfsame key new --out release
`},
	{CodeTrustRoles, ExitUsage, "one signer has roles that exclude each other", `Who releases an image must not be able to speak against it with the same key, nor to excuse what others found:

    release and finding   stock cosign takes any statement signed by a key as "signed", a failed scan too
    release and waiver    a release could overrule its own rebuilders
    release and others    (revoker, indexer, policy) who releases must not also say what is taken back, listed or allowed
    verifier              (with release, rebuilder, waiver, revoker, indexer, policy) gates believe a verdict without looking again
    break-glass           (with any other, and an owner of the roster) what opens every gate for hours is for nothing else
    waiver and finding    (also rebuilder, promoter, and an owner of the roster) who finds something could excuse it himself

Make a key for each role, also where one person has both:

    selfsame key new --out finding
`},
	{CodeTrustNobody, ExitUsage, "an entry of the trust file names nobody", `A signer or owner has neither a key nor an identity, so no signature could be his. An identity is an issuer with either the exact
subject or, weaker, an expression for it (subjectRegexp), which must match the whole subject.
`},
	{CodeTrustWindow, ExitUsage, "a signer's time is over, or ends before it begins", `"from" and "until" bound when a signer's word counts. As a warning: the time is over (or has not begun), so nothing that he signs
from now on counts; what he signed before, with a time that a trusted party vouches for, still does. A key alone carries no such time:
a statement signed with a plain key by a signer with a window never counts.
`},
	{CodeTrustShared, ExitUsage, "one key belongs to two owners", `Rebuilds are counted by owner. A key or identity that stands under two owners would count as two parties, and be one.

Put it under the owner that it belongs to. Several keys of one owner stand under that owner together.
`},
	{CodeTrustWide, ExitProven, "an identity matches very many", `"subjectRegexp" matches a subject that nobody meant: everything, or hosts that only begin alike, because a dot in an expression is any
character. Where one subject is meant, write "subject:"; else write dots as \. and as much of the subject as is known.
`},
}

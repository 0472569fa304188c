package diag

// layoutCodes are about in-toto layouts and links, A0570 to A0579; a step that fails is one of package verify's verdicts.
var layoutCodes = []Info{
	{"A0570", ExitInvalid, "a layout cannot be used", `
The file given as a layout is not an in-toto layout that selfsame can honour completely. It is read strictly, because a rule that two
programs read differently protects nobody: unknown fields, a key named twice, patterns that are not clean paths, a rule about a step
that does not exist, one key under two ids are all refused.

Three things that in-toto knows are refused by name:

    inspections   they would run a command on the machine that verifies; nothing from a layout is ever run
    sublayouts    a functionary's own layout in place of a link
    certificates  functionaries are named by key

Write the standard layout, and change what differs for you:

    selfsame layout new --functionary ci.pub --functionary source=dev.pub --out layout.json
    selfsame layout sign layout.json --key owner.key
`},
	{"A0571", ExitInvalid, "a layout is not signed by its owner", `
A layout decides whose word counts for which step, so it counts itself only when all the keys given with --layout-key signed it. One of
them did not, or the layout was changed after it was signed.

Who signed, by the names that the signatures give themselves:

    selfsame layout show layout.json

An owner signs with

    selfsame layout sign layout.json --key owner.key
`},
	{"A0572", ExitPolicy, "a layout has expired", `
Layouts have an end, so that keys which should not count any more do not count for ever. The time is this machine's.

Look at the layout, write it anew with a later end, and have its owners sign it:

    selfsame layout show layout.json
    selfsame layout new --expires 365d ... --out layout.json
    selfsame layout sign layout.json --key owner.key
`},
	{"A0573", ExitProven, "a kept link is about other inputs", `
The folder selfsame.links holds what was signed before there was an image: that this is the source, that this is its lock. A link in it
is about another recipe, Dockerfile, context or lock than this build read, or cannot be read at all. It was left behind, and the image is
built and signed as ever; a layout that demands the step will miss it (exit 16).

Whoever vouched for the source or lock of before looks at those of now, and signs again:

    selfsame lock --check --link-key source=alice.key

If the source changed without anybody touching it, look at what is in the folder beside the recipe: without git, and without a
.dockerignore, everything in it is part of the context.
`},
}

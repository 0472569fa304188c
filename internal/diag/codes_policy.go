package diag

// The codes of policies: what stands between the file and a verdict.
const (
	CodePolicyUnreadable Code = "A0620"
	CodePolicyText       Code = "A0621"
	CodePolicyKeys       Code = "A0622"
	CodePolicyValue      Code = "A0623"
	CodePolicyForm       Code = "A0624"
	CodePolicyExpression Code = "A0625"
	CodePolicyCost       Code = "A0626"
	CodePolicyWindow     Code = "A0627"
	CodePolicyWaiver     Code = "A0628"
	CodePolicyWaiverOver Code = "A0629"
	CodePolicyEmpty      Code = "A0630"
	CodePolicyTwice      Code = "A0631"
	CodePolicyConstant   Code = "A0632"
	CodePolicyOver       Code = "A0633"
	CodePolicySubject    Code = "A0634"
)

var policyCodes = []Info{
	{CodePolicyUnreadable, ExitUsage, "the policy cannot be read", `The path names no regular file, or the system refuses to open it. Without a policy nothing is allowed.

Look at its permissions and at the path.
`},
	{CodePolicyText, ExitUsage, "the policy is not plain YAML", `A policy is one YAML document in plain UTF-8 of at most 1 MiB, without anchors, aliases, merge keys and tags: two readers must not see
two policies. The same holds for files with cases.

The message points at the place.
`},
	{CodePolicyKeys, ExitUsage, "a key of the policy is unknown, missing or there twice", `Every key of a policy is known to this version, because a misspelt "effectiveUntil" would keep a rule in force, and a misspelt "match"
would change what it is about, without a word. The message says which keys there are.
`},
	{CodePolicyValue, ExitUsage, "a value of the policy has the wrong type", `A text, a list, a mapping or a number is expected, and something else is written; or a value is empty; or a list names one thing twice.
Nothing is converted silently.
`},
	{CodePolicyForm, ExitUsage, "a value of the policy has the wrong form", `A name, pattern, time or digest is not written as it must be. The message shows the form:

    match      registry.example.com/team/shop, registry.example.com/team/*, registry.example.com/**
    images     sha256: and 64 hexadecimal digits
    times      2026-01-31 or 2026-01-31T12:00:00Z

A star stands for a part of one path element, two stars for any number of elements.
`},
	{CodePolicyExpression, ExitUsage, "an expression of the policy is not valid CEL", `A rule's "require" is an expression in CEL that is true or false. It is checked against the types of the evidence when the policy is
loaded, so that a field that does not exist is found now and not when an image is denied. The message points into the expression.

The fields of the evidence are in docs/reference/policy.md. There are no functions that reach files or a network.
The pattern of matches() is written in the rule, and a time zone is an offset: what comes out of evidence, or out of a machine's own
tables, would make a verdict slow or different elsewhere.
`},
	{CodePolicyCost, ExitUsage, "an expression of the policy may cost too much", `What a rule costs at worst is estimated when the policy is loaded, for the greatest evidence that rules see. This one is beyond the
limit, mostly because it walks one list inside another, or matches a regular expression against each entry of a long one.

Walk the shorter list first, filter before you compare, or use glob() in place of matches(). An expression is also bounded in length,
depth and number of parts.
`},
	{CodePolicyWindow, ExitUsage, "a rule's time ends before it begins", `"effectiveUntil" is not after "effectiveOn", so the rule would never be in force, which nobody means. Exchange the two, or remove one.
`},
	{CodePolicyWaiver, ExitUsage, "a waiver is for no rule", `A waiver names a rule that the policy does not have. It would excuse nothing, and when a rule of that name is added it would excuse
more than was meant. Correct the name, or remove the waiver.
`},
	{CodePolicyWaiverOver, ExitProven, "a waiver has expired", `The waiver excuses nothing any more. Remove it, or have its owner look at it again and set another "expires".
`},
	{CodePolicyEmpty, ExitProven, "a rule is true of nothing at all", `"list.all(x, ...)" is true of an empty list: an image without any provenance passes "provenance.all(p, p.level >= 2)". Write
"every" in its place, which also demands that there is at least one:

    provenance.every(p, p.level >= 2)

Where an empty list is right, say so: size(packages) == 0 || packages.all(p, ...).

Each rule is also asked about no evidence at all, once, when it is loaded. One that is true then would let an image pass of which
nothing is known: signatures.exists(s, s.signer == "x") == false.
`},
	{CodePolicyTwice, ExitUsage, "two rules have one name", `A rule's name is how waivers, cases and verdicts speak of it, so it is there once. Give one of the two another name.
`},
	{CodePolicyConstant, ExitProven, "a rule looks at nothing", `The expression uses none of the evidence, so it says the same of every image. A rule that is always true lets any image through to which
no other rule applies. If that is meant, keep "match" narrow.
`},
	{CodePolicySubject, ExitProven, "a rule is content with evidence about one platform", `Each signature, provenance and rebuild is about one manifest: the index that was asked for, or one of its platforms. "signatures.exists(s,
s.signer == "x")" is true of an index of which one platform was signed, and anybody who may push can make an index that lists that one beside
an image of his own. Say what it has to be about: the image itself, or each of its platforms.

    signatures.exists(s, s.signer == "x" && s.subject == image.digest)
    image.platforms.every(m, provenance.exists(p, p.subject == m.digest))

"summary" is about all of them.
`},
	{CodePolicyOver, ExitPolicy, "the policy has expired", `"expires" has passed. A policy that is over denies everything, so that nobody goes on by rules that nobody looks at any more. Look at it
again, set another "expires", and raise "version".
`},
}

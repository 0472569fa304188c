package diag

// signedPolicyCodes: A0650-A0659, policies that are signed and published, and verification by them.
var signedPolicyCodes = []Info{
	{"A0650", ExitUndecided, "there is no policy", `
There is nothing under the reference of the policy. A policy that is hidden looks just like one that was never published, so nothing is
decided. Check the spelling. A policy is published by

    selfsame policy push policy.yaml REF --key policy.key
`},
	{"A0651", ExitUsage, "the policy's version is not higher than the one that is published", `
The version of a policy is how verifiers know the newest: they refuse one that is lower than any they have seen, or another one of the same
number. Raise "version" in the file with every change, also where only its time is to be prolonged, and publish it again:

    selfsame policy push policy.yaml REF --key policy.key
`},
	{"A0652", ExitUndecided, "another policy was published at the same time", `
What is there is not what was just published. Two people published at once, and verifiers may have seen either. Agree on one policy, raise
its "version" and publish that.
`},
	{"A0653", ExitUsage, "a policy needs a signer", `
A policy in a registry, or in a signed bundle, is whoever's wrote it last: say whose word counts. In a trust file a signer has the role
"policy", with a key of its own:

    signers:
      rules: {keys: [policy.pub], roles: [policy]}
    policy: {at: registry.example.com/ops/policy}

Or name the key:

    selfsame verify REF --key release.pub --policy registry.example.com/ops/policy --policy-key policy.pub

Or, of a policy that was signed without a key, "--policy-identity" and "--policy-issuer", with "--trusted-root".

A policy in a plain file is yours, and needs none.
`},
	{"A0654", ExitUsage, "the policy already says what is demanded", `
With a policy its rules decide, so that a flag beside it would either be lifted by a rule or make another policy of it. Write the demand as
a rule. Examples:

    selfsame policy new
    selfsame explain A0625
`},
}

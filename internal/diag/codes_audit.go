package diag

// auditCodes are those of `selfsame audit`, and of what a published build needs to be repeated.
var auditCodes = []Info{
	{"A0801", ExitUsage, "no key to believe the evidence by", `
An audit repeats what an image's evidence describes, so it runs what somebody else wrote. Nothing is built before the evidence has been
verified, and that takes the public key of whoever released the image, a trust file in which somebody has the role "release", or the identity
that a certificate names:

    selfsame audit REF --release-key release.pub
    selfsame audit REF --trust trust.yaml
    selfsame audit REF --trusted-root trusted_root.json --certificate-identity WHO --certificate-oidc-issuer ISSUER

For an image that another tool built, "--untrusted" reads BuildKit's own provenance and reports what it lacks. Nothing is built then.
`},
	{"A0802", ExitInvalid, "the evidence describes no build that can be repeated", `
The signature holds, but the recipe, the lock or the parameters in the provenance cannot be read, are larger than the limits, or
contradict each other. Nothing was built.

See what it says:

    selfsame show REF provenance
`},
	{"A0803", ExitUndecided, "another version is needed for the audit", `
The image was built with a version of the Dockerfile frontend, and so of BuildKit, that this selfsame does not have. Another version may make
another image of the same inputs, so an audit with it would prove nothing either way.

The provenance names the version. Audit with that one:

    selfsame show REF provenance
`},
	{"A0804", ExitUndecided, "the image is larger than the audit may handle", `
The sealed inputs, or the layers of the published image, have more bytes than "--disk" allows, or a builder has written more. This says nothing
about the image.

Allow more, where the machine has room for it:

    selfsame audit REF --release-key release.pub --disk 200
`},
	{"A0805", ExitUndecided, "the audit took too long", `
The audit was ended because it took longer than "--timeout" allows. Its builder is gone, and nothing was signed.

Allow more:

    selfsame audit REF --release-key release.pub --timeout 6h
`},
	{"A0806", ExitNotReproducible, "the rebuilt image is not the published one", `
The published image was built again from its own sealed inputs, and something else came out. Either the published image was not made from
what its evidence says, or the build depends on something that the two machines do not share.

The report shows where they part. If the auditor's own two builders differ as well, the recipe is at fault and not the publisher:

    selfsame audit REF --release-key release.pub --twice --report audit-report

A finding of this kind is signed by a key of its own, never by that of a release or of a rebuilder: "--finding-key finding.key".
`},
	{"A0807", ExitUsage, "the claimed independence is not what is seen", `
A statement says how far the auditor is from whoever built the image: on the same host, on another, with another owner. Here another
one is claimed, and the provenance names this very machine as the one that built.

Leave "--independence" out, or run the audit somewhere else.
`},
	{"A0808", ExitUsage, "one key for two roles", `
Stock cosign takes any statement that a key has signed as "signed". A finding that bears the key of the release would therefore
pass for an approval, and a release key that signs rebuilds would make a builder its own auditor. Each role has a key of its own:

    selfsame key new --out rebuilder
    selfsame key new --out finding
`},
	{"A0809", ExitMissing, "the provenance of another tool is not enough", `
The image carries provenance that BuildKit made. It was read, and it lacks what a rebuild needs: the list says what. Nothing was built, and
nothing is proven about the image.

BuildKit writes the most with "--provenance=mode=max". An image that can be audited whole is built by selfsame, with its seal:

    selfsame build --push --seal same
`},
	{"A0810", ExitMissing, "no provenance of another tool", `
"--untrusted" looks for BuildKit's provenance: an attestation manifest in the image's index. This image has none that can be read.

An image of selfsame's own is audited with the public key of whoever released it:

    selfsame audit REF --release-key release.pub
`},
	{"A0811", ExitUndecided, "an audit of another tool's image ends with the report", `
The provenance names everything that a rebuild needs: a commit, pinned images, no network. An audit reports that and does not build from it: there is
no seal, and nobody signed what would be fetched and run. To build it yourself, have a recipe written, read it, and compare what comes out:

    selfsame audit --untrusted REF --recipe again
    selfsame lock again && selfsame build again
    selfsame diff REF selfsame-out/image
`},
	{"A0812", ExitMissing, "no recipe can repeat that build", `
"--recipe" writes down what BuildKit's provenance says of a build: the commit, the Dockerfile in it, its arguments, and what the names of base images led
to. This provenance does not say enough for that, and the message says what is missing first. Most often the context was a folder of the machine that
built: only whoever has its files can build it again.

"docker buildx build https://git.example.com/team/shop.git#COMMIT --provenance=mode=max" leaves provenance from which it can be built again.
`},
	{"A0346", ExitUsage, "the seal would give secrets away", `
A seal holds the source and all that the build fetched, for everybody who may read the repository it goes to. In what would be sealed there are
things that look like secrets: private keys, tokens, passwords in addresses. The list says where. Nothing was built and nothing was pushed.

  - Take the file out of the build context: name it in .dockerignore, and run "selfsame lock".
  - A secret that a step needs while recording is given with "selfsame lock --secret", and is not kept.
  - A secret that was in a repository is known to others by now: replace it where it is valid.

If what was found is no secret (keys for tests, say), push it all the same:

    selfsame build --push --seal same --seal-with-secrets
`},
}

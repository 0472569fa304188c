package diag

// verifyCodes are the verdicts of package verify; codes_evidence.go has the rest of A05.
var verifyCodes = []Info{
	{"A0530", ExitUsage, "no key to verify with", `
Verifying asks: did somebody I trust say this? Without a key there is nobody to trust, and any signature would do.

Pass the public half of the signer's key, or say who must have signed and who vouches for that:

    selfsame verify REF --key selfsame.pub
    selfsame verify REF --trusted-root trusted_root.json --certificate-identity WHO --certificate-oidc-issuer URL
`},
	{"A0531", ExitMissing, "evidence is missing", `
The image, or one of its platform manifests, has no statement that counts: nothing is attached to it, or only things that
are no signature bundles. Nothing to check is a failure, because whoever can delete evidence could otherwise make it pass.

  - Was the image pushed by selfsame? "docker push" and a copy by another tool leave the evidence behind.
  - A copy between registries must take the referrers along. Compare with the origin:

    selfsame verify ORIGIN --key selfsame.pub

  - An image that was built before selfsame was in use has to be built again with it.

With --layout, a check called "step NAME" failed because too few of that step's functionaries signed a link of it. Whoever does
the step signs one with --link-key (selfsame lock, selfsame build) or selfsame link.
`},
	{"A0532", ExitInvalid, "evidence is invalid", `
Statements are attached to the image, and none of them holds for it. The table of checks says which check failed first:

    signature       no bundle is signed by a key or an identity you gave, or a bundle was changed after it was signed
    subject         the statement is about another digest
    predicate type  the signer said something else than where the image came from
    name            the statement is about another repository: evidence does not carry over from one name to another
    builder         the builder is not one that you accept
    build type, parameters   the statement is not of a form that this version understands completely
    platforms       the index lists another set of manifests than the evidence vouches for
    step NAME       with --layout: the links break one of the step's rules, or its functionaries contradict each other

Do not run this image before it is understood which one it is. Look at everything that is attached:

    selfsame verify REF --key selfsame.pub --json
`},
	{"A0533", ExitPolicy, "signed, but not reproduced", `
The image is signed by a key you gave, and its provenance holds. What is not proven is that a second build gave the same
bytes: there is no rebuild statement, or it does not say what it would have to (a match of the manifest digests, with at least
one difference between the builders that was seen), or a trusted party says that its rebuild differed.

Build again and push:

    selfsame build --push --key selfsame.key
`},
	{"A0534", ExitUndecided, "could not decide", `
The image or something attached to it could not be read, or there is more attached than the budget allows to read. What was read
is not enough for a verdict. This says nothing about the image; a gate must stay shut.

Try again. If it stays like this, look at what is attached and at the reasons:

    selfsame verify REF --key selfsame.pub --json
`},
	{"A0536", ExitPolicy, "signed, but not as was asked for", `
The image is signed, its provenance holds, and no trusted party speaks against it. What is not proven is something that you asked
for: a SLSA build level that you trust this signer and builder up to (--min-level, "builders:" of the trust file), or enough
independent owners who built it again with the same result (--rebuilders, "demand:" of the roster), or that they sit in
different classes of environments or fetched the inputs anew.

The table of checks says how many there are and who. Owners are counted, not keys and not statements:

    selfsame verify REF --trust trust.yaml --roster roster.yaml --json
`},
	{"A0537", ExitPolicy, "no summary can be written", `
A summary (--vsa, --svr) is what other tools believe instead of looking at the evidence, so it is written only of what was decided:

  - SLSA_BUILD_REPRODUCED (--vsa-reproduced) takes two or more independent owners whose builds agree, the one who made the image
    and one of the roster, or two of the roster.
  - A simple verification result (--svr) has no negative form: it is written of a success only.
  - A failed verification summary is written only for a key with the finding role (--finding-key), because stock cosign takes any
    statement that the release key signed as "signed".
  - Where nothing was decided (exit 16 and 17) there is nothing to hand on.
  - A verdict (--verdict, --attach-verdict) is a policy's approval, reached here: one that was taken over from another verifier is not
    handed on again, and one that would end at once is none.
`},
	{"A0535", ExitUndecided, "the image's contents could not be listed", `
The list of what is inside the image (SBOM) is made from its layers. Here it was given up, because the image has more in it than
the limits allow: entries, unpacked bytes, packages, or the length of a path. Half a list would pass for a whole one, so there
is none.

The message names the limit. Look at the layer it names; a step that unpacks or generates far more than it keeps is the usual
reason. Remove what is not needed in the step that makes it.
`},
}

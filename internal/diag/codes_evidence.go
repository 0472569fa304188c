package diag

import "slices"

// evidenceCodes: A0501-A0509 keys and bundles (signing), A0510-A0529 registries, layouts and seals (registry); verification
// takes A0530 and above, A0580-A0589 are keys on tokens and in a KMS, and roles.
var evidenceCodes = slices.Concat(keyCodes, remoteKeyCodes, registryCodes)

var keyCodes = []Info{
	{"A0501", ExitUsage, "a key cannot be read", `The file given as a key is not one PEM block with a key of the kind that is wanted.

Keys come in pairs, PREFIX.key (private, to sign with) and PREFIX.pub (public, to verify with). Make a pair:

    selfsame key new --out selfsame

Keys made by "cosign generate-key-pair" work too.
`},
	{"A0502", ExitUsage, "the password or PIN of the key is wrong", `The private key is encrypted and the password did not open it. A damaged file looks the same. For a key on a token: the PIN is
wrong. It was tried once only, since tokens lock themselves after a few wrong ones.

In a script the password comes from SELFSAME_KEY_PASSWORD:

    SELFSAME_KEY_PASSWORD=... selfsame build --push --key selfsame.key

On a terminal, leave the variable unset and the password is asked for.
`},
	{"A0503", ExitUsage, "a private key was given to verify with", `Verifying needs only the public key. A verifier that holds the private key could have made the evidence
that it checks, and a key that lies around where images are verified will be used to sign.

    selfsame verify REF --key selfsame.pub
`},
	{"A0504", ExitUsage, "the kind of key is not supported", `Keys sign and verify with these algorithms, named as in sigstore's registry:

    ecdsa-sha2-256-nistp256      the default, which every sigstore client reads
    ecdsa-sha2-384-nistp384
    ed25519
    rsa-sign-pkcs1-3072-sha256
    rsa-sign-pkcs1-4096-sha256
    rsa-sign-pkcs1-2048-sha256   only to verify: NIST ends signing with it in 2030

An RSA key whose public exponent is below 65537 is refused. Make a key:

    selfsame key new --out selfsame --algorithm ed25519
`},
	{"A0505", ExitInvalid, "a signed bundle is malformed", `A bundle beside the image is not what it must be: one sigstore bundle (v0.3) in strict JSON with one DSSE envelope, one
signature, an empty keyid, and the payload type application/vnd.in-toto+json. Two signatures, duplicate keys or trailing data are
refused because two programs could read them differently.

See what is attached to the image:

    selfsame show REF
`},
	{"A0506", ExitInvalid, "a signature does not hold", `The bundle names your key, and the signature does not match the statement. The statement or the signature was changed after
signing. Do not use the image; build it again from its recipe and compare:

    selfsame audit REF@DIGEST --key selfsame.pub
`},
	{"A0507", ExitInvalid, "a bundle was signed by another key", `The bundle is well formed, and none of the keys given made it. Anyone who may push to the repository may attach one, so by
itself it proves nothing. If it should count, pass its signer's public key:

    selfsame verify REF --key their.pub
`},
	{"A0508", ExitInvalid, "a bundle is not signed with a plain key", `The bundle carries a bare message signature, or a certificate (cosign's keyless signing, for instance) and no trusted root was given
to check it against. The bundle counts neither for nor against the image. To have certificates checked, say whose count:

    selfsame verify REF --trusted-root trusted_root.json --certificate-identity WHO --certificate-oidc-issuer URL
`},
}

var registryCodes = []Info{
	{"A0510", ExitUndecided, "the registry refused the credentials", `The registry answered 401 or 403. Credentials are read where docker keeps them: ~/.docker/config.json (or $DOCKER_CONFIG) and
its credential helpers. Log in with any tool that writes them:

    docker login REGISTRY

Pushing needs the right to write to the repository; some registries want it to exist first.
`},
	{"A0511", ExitUndecided, "the registry cannot be reached", `The registry did not answer, stopped answering in the middle, or kept answering with an error (429 or 5xx) although the
request was repeated. Nothing was decided, and no tag was moved: a tag is written last, after everything it leads to.

Try again; a second push sends only what is missing. Check that the registry answers at all:

    curl -i https://REGISTRY/v2/
`},
	{"A0512", ExitInvalid, "other bytes than the digest names", `A registry, or a file of an OCI layout, gave bytes that do not hash to the digest they were asked for by, or more or fewer of
them than announced. That is damage or tampering; the bytes were thrown away.

Pull again past any mirror or cache. If it stays, the content is damaged at its source.
`},
	{"A0513", ExitUndecided, "not found in the registry", `The registry says that there is no such repository, tag or digest. Some registries say the same when you may not see it.

Check the spelling, and that you are logged in:

    docker login REGISTRY
`},
	{"A0514", ExitUsage, "not an image reference", `A reference is REGISTRY/REPOSITORY with :TAG or @sha256:DIGEST, for example

    registry.example.com/team/shop:1.2.3
`},
	{"A0515", ExitUndecided, "too much evidence to read", `More referrers, pages or bytes are attached to the image than the bound allows. Evidence that was not read could be the piece
that matters, so nothing was decided on the rest. Remove what is stale in the registry, or raise the bound.
`},
	{"A0516", ExitUndecided, "evidence did not stay attached", `The registry has no referrers API, so the list of evidence is an index under a tag (sha256-DIGEST) that every writer replaces as
a whole. The entry was written several times and was not there afterwards: many writers at once, or a repository whose tags
cannot be changed.

Attach again when the other writers are done. For a repository with immutable tags, exempt tags that begin with "sha256-".
`},
	{"A0517", ExitInvalid, "the registry's data is malformed", `A manifest or index cannot be read strictly: it is not JSON, names a key twice, is of a kind that is not known, or lacks what it must
have. Nothing was concluded from it.
`},
	{"A0518", ExitUsage, "not an OCI image layout", `The path is not there, is no folder, has no oci-layout file and index.json that can be read, or has no image of the digest that
was given. An image is written as a layout by

    selfsame build --out DIR
`},
	{"A0520", ExitMissing, "the seal is missing or incomplete", `A seal carries the inputs of an image (sources, responses, packages) so that it can be built again from the registry alone. There is
none for this image, a part of it is missing, or it does not hold an input that the lock names.

Publish one with the image:

    selfsame build --push --seal same
`},
}

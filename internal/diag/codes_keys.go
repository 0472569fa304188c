package diag

// remoteKeyCodes: A0580-A0589, keys that are named (by file, token or KMS) and the roles that they sign in (signing, signing/plugin).
var remoteKeyCodes = []Info{
	{"A0580", ExitUsage, "the name of a key is not understood", `A key is named in one of three ways:

    FILE                                  a PEM file; ./pkcs11:x for a file whose name looks like one of the others
    pkcs11:token=LABEL;object=LABEL?...   a key on a token or in an HSM (RFC 7512); the program sigstore-kms-p11 speaks to it
    NAME://RESOURCE#sha256=HASH           a key in a KMS; the program sigstore-kms-NAME speaks to it

A PKCS #11 URI takes token, manufacturer, serial, model, slot-id, object, id and type before the question mark, and module-path and
pin-source after it. A PIN in the URI (pin-value) is refused: everybody on the machine can read the arguments of programs. Write
pin-source=file:/PATH, set SELFSAME_KEY_PASSWORD, or type it when asked.

To verify with a key in a KMS its hash must be there, since a KMS may have another version of the key under that name tomorrow:

    selfsame key show NAME://RESOURCE
`},
	{"A0581", ExitUndecided, "the program that holds the key is missing", `Keys of the form NAME://RESOURCE belong to the program sigstore-kms-NAME, which sigstore's clients start for each call (the
"cliplugin" protocol, version 1). It is looked for beside selfsame and in PATH. Keys of the form pkcs11:... belong to sigstore-kms-p11,
which "make build" builds where there is a C compiler.
`},
	{"A0582", ExitUndecided, "the program that holds the key refused", `The token, the KMS, or the program that speaks to it answered with an error, which is shown. Nothing was signed.

  - no token matches: is it plugged in, and is the module the right one (module-path)?
  - several tokens or keys match: add serial= or id= to the URI
  - a KMS: are the credentials in the environment, and may they sign with this key?

See whether the public key can be read, which needs no PIN:

    selfsame key show 'pkcs11:token=LABEL;object=LABEL?module-path=/PATH/TO/MODULE.so'
`},
	{"A0583", ExitInvalid, "the key is another one", `The name led to another key than the one that was pinned (#sha256=HASH) or that was opened at first, or what came back is not a
signature by it. Keys in a KMS have versions: after a rotation the same name means another key. Nothing of the answer was used.

If the key was rotated on purpose, look at the new one, and pin that:

    selfsame key show NAME://RESOURCE
`},
	{"A0584", ExitPolicy, "the key's role may not say this", `Each key signs in one role: release, rebuilder, finding, promoter and so on. Stock cosign takes any statement that a key signed
about an image for an approval, also one that says "this failed". So a key that releases images never signs what speaks against one, or
what takes no side (a scan), and a statement of a kind that selfsame does not know is signed by no key.

Make a key for findings, and sign with that:

    selfsame key new --out finding
`},
	{"A0585", ExitUndecided, "the program that holds the key does not work", `The program was ended, did not answer in time (a minute), wrote more than an answer has, or wrote something else than the protocol
says. It was stopped, with all that it had started. Nothing was signed.

Start it by hand to see what is wrong; it is called sigstore-kms-NAME. A token may have to be touched, or plugged in again.
`},
}

package diag

// keylessCodes: A0550-A0559, signing without a key of one's own and verifying what was signed so (signing).
var keylessCodes = []Info{
	{"A0550", ExitUsage, "a trusted root cannot be read", `trusted_root.json names the certificate authorities, logs and timestamp authorities of an instance of sigstore that you trust,
and since when. The file given is not one: it is no JSON, names a key twice, has a field that is not known, or an authority in it
does not say since when it may be believed.

Get the file from whoever runs the instance, over a way that you trust. It is never fetched from the instance itself: who could
forge a signature there could forge its root as well.
`},
	{"A0551", ExitUsage, "a signing configuration cannot be used", `signing_config.json names the services that sign: certificate authority, timestamp authority, log. The file given is not one, or
none of its services is usable now: its time is over, it speaks another version (certificate authority and timestamp authority 1, log
2), or its address is neither https nor on this machine.

    selfsame build --keyless --signing-config signing_config.json --trusted-root trusted_root.json
`},
	{"A0552", ExitUsage, "no usable identity token", `Signing without a key needs a token that says who you are, from an OpenID Connect issuer that the instance knows. It is looked for
in this order: the file of --identity-token, SIGSTORE_ID_TOKEN, the token service of GitHub Actions (the job needs the permission
"id-token: write"), and, on a terminal, a browser in which you log in.

    selfsame build --keyless --identity-token token --signing-config signing_config.json --trusted-root trusted_root.json

A token that had expired before the build began is refused here too: make a new one.
`},
	{"A0553", ExitUndecided, "the identity token was refused or has expired", `The build is done, and nothing was signed or published. A token lives for minutes and a build may take longer: the
token is read when there is something to sign, so let --identity-token name a file that is kept fresh, or let the CI's token service
be asked (GitHub Actions: no flag at all, with the permission "id-token: write").

If the certificate authority refused a token that is still good, it does not know its issuer, or wants another audience (most want
"sigstore"). The second build of the same inputs is quick.
`},
	{"A0554", ExitUndecided, "a signing service failed", `A certificate authority, timestamp authority or log did not answer in time, answered with an error or with too much, or what it
answered does not hold against your trusted root. Nothing was signed or published.

Try again; the second build of the same inputs is quick. If it stays, see whether --signing-config and --trusted-root describe the
same instance, and whether this machine's clock is right.
`},
	{"A0555", ExitInvalid, "a certificate, log entry or timestamp does not hold", `A bundle beside the image was signed under a certificate, and something about it does not fit your trusted root: the certificate was
issued by somebody else or was not valid when the signature was made, the log entry is missing, is for another signature, or is from
a log that you do not trust, the time is missing or outside of an authority's window, or statement and signature do not match.

It counts for nothing. If it should, check that the trusted root is the one of the instance that signed:

    selfsame verify REF --trusted-root trusted_root.json --certificate-identity WHO --certificate-oidc-issuer URL
`},
}

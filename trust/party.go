package trust

// Key names a public key by what anyone can recompute from it.
type Key struct {
	// Hint is base64(sha256(DER SubjectPublicKeyInfo)), the form that sigstore's clients write into a bundle.
	Hint string `json:"hint"`
	// Algorithm is named as in sigstore's algorithm registry: "ecdsa-sha2-256-nistp256".
	Algorithm string `json:"algorithm,omitempty"`
}

// Identity is what a certificate says of its holder: who was asked (an OpenID Connect issuer), and what it called the holder (the
// certificate's subject alternative name: a mail address or a URI).
type Identity struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// Party is who made a signature, as far as the signature proves it: a key or an identity, never both.
type Party struct {
	Key      Key      `json:"key,omitzero"`
	Identity Identity `json:"identity,omitzero"`
}

// String is "key HINT" or "SUBJECT (ISSUER)".
func (p Party) String() string {
	if p.Identity != (Identity{}) {
		return p.Identity.Subject + " (" + p.Identity.Issuer + ")"
	}
	return "key " + p.Key.Hint
}

// Role is what somebody may be trusted to say. Each has a key or an identity of its own: stock cosign takes any statement that a
// key signed as "signed", so what speaks against an image must never be signed by what releases it (DESIGN §8).
type Role string

// The roles.
const (
	Release     Role = "release"     // this image was built from that: provenance, the twins' rebuild statement, contents
	Rebuilder   Role = "rebuilder"   // I built it again, and it was the same
	Finding     Role = "finding"     // I looked, and it is not as it should be: a rebuild that differs, a failed scan
	Promoter    Role = "promoter"    // it may go to that place
	Revoker     Role = "revoker"     // this is not to be used any more: the deny list
	Waiver      Role = "waiver"      // a finding does not count, for that reason
	Functionary Role = "functionary" // I did this step of the pipeline: an in-toto link
	Indexer     Role = "indexer"     // these are all the statements that exist: release and rebuilder indexes
	BreakGlass  Role = "break-glass" // it may run there for some hours, whatever the policy says
	Policy      Role = "policy"      // these are the rules by which images may run
	Verifier    Role = "verifier"    // I looked, by that policy: a verdict that gates may take over
)

// Decoy is the role of a key that signs decoys, whose evidence is false on purpose. It is not among Roles: no trust file can give it, so that
// no verifier takes a decoy for an image.
const Decoy Role = "decoy"

// Roles are all of them that a trust file can give.
var Roles = []Role{Release, Rebuilder, Finding, Promoter, Revoker, Waiver, Functionary, Indexer, Policy, Verifier, BreakGlass}

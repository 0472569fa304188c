package policy

import "time"

// Evidence is what rules look at: everything that was verified about one image, and nothing that was not. The names in CEL are those of
// the cel tags. Lists are in a fixed order (subject, then type, then signer), so that the same evidence is the same value.
//
// An empty list is not a proof: in CEL `provenance.all(p, ...)` is true of no provenance at all.
type Evidence struct {
	Image      Image        `cel:"image" json:"image"`
	Signatures []Signature  `cel:"signatures" json:"signatures"`
	Provenance []Provenance `cel:"provenance" json:"provenance"`
	Rebuilds   []Rebuild    `cel:"rebuilds" json:"rebuilds"`
	Packages   []Package    `cel:"packages" json:"packages"`
	Bases      []Base       `cel:"bases" json:"bases"`
	// Statements are those of every other predicate type, with the predicate as it was signed.
	Statements []Statement `cel:"statements" json:"statements"`
	Lists      []List      `cel:"lists" json:"lists"`
	Summary    Summary     `cel:"summary" json:"summary"`
	// Blocks are what no rule can allow; rules do not see them.
	Blocks []Block `cel:"-" json:"blocks"`
	// Elsewhere says of which other images the statements are that are attached to this one, those of most statements first; rules do not see
	// it, since nothing follows from it.
	Elsewhere []Elsewhere `cel:"-" json:"elsewhere,omitempty"`
	// HandedOn are verdicts of other verifiers that hold for this image; rules do not see them (Verdict.Accepting).
	HandedOn []HandedOn `cel:"-" json:"handedOn,omitempty"`
	// NotAfter is when the first thing that this evidence rests on ends: a certificate's or key's window, a deny list, a release index, a
	// waiver. The zero time: nothing of it ends.
	NotAfter time.Time `cel:"-" json:"notAfter,omitzero"`
}

// Elsewhere is another image, and how many statements about it are attached to the one that is judged.
type Elsewhere struct {
	Digest     string `json:"digest"`
	Statements int    `json:"statements"`
}

// Image is what is judged.
type Image struct {
	Name      string     `cel:"name" json:"name"`           // the repository, without tag: "registry.example.com/team/shop"
	Digest    string     `cel:"digest" json:"digest"`       // "sha256:..." of the index, or of the manifest that was asked for
	Index     bool       `cel:"index" json:"index"`         // it is one, and not a manifest
	Platforms []Platform `cel:"platforms" json:"platforms"` // one for a manifest
}

// Platform is one manifest of an image.
type Platform struct {
	Name   string `cel:"name" json:"name"` // "linux/amd64"; "image" for a manifest that was asked for directly
	Digest string `cel:"digest" json:"digest"`
}

// Signature is one statement by somebody whom the trust file names.
type Signature struct {
	Signer    string    `cel:"signer" json:"signer"`       // the entry's name in the trust file; of a key given by a flag: its hint
	Owner     string    `cel:"owner" json:"owner"`         // who stands behind the signer
	Party     string    `cel:"party" json:"party"`         // "key HINT", or "SUBJECT (ISSUER)"
	Roles     []string  `cel:"roles" json:"roles"`         // that the entry has (package trust)
	Type      string    `cel:"type" json:"type"`           // the predicate type, a URI
	Subject   string    `cel:"subject" json:"subject"`     // the digest that it is about: of the image, or of one of its platforms
	Statement string    `cel:"statement" json:"statement"` // sha256 of the signed bytes
	Time      time.Time `cel:"time" json:"time,omitzero"`  // by a trusted party; the zero time: nobody says when
}

// Provenance is a SLSA provenance that holds: signer and builder are a pair that the trust file knows.
type Provenance struct {
	Subject    string         `cel:"subject" json:"subject"` // as Signature.Subject
	Signer     string         `cel:"signer" json:"signer"`   // as Signature.Signer
	Builder    string         `cel:"builder" json:"builder"` // its builder.id
	Level      int            `cel:"level" json:"level"`     // SLSA build level of signer and builder; 0: none is known
	BuildType  string         `cel:"buildType" json:"buildType"`
	Source     Input          `cel:"source" json:"source"`         // what was built
	Parameters map[string]any `cel:"parameters" json:"parameters"` // externalParameters
	Inputs     []Input        `cel:"inputs" json:"inputs"`         // resolvedDependencies
	Time       time.Time      `cel:"time" json:"time,omitzero"`    // when it was signed; trusted, as Signature.Time
	// Finished is when the build ended by the provenance's own word; the zero time: it does not say. Anybody can have an old statement
	// stamped anew, so that Time alone says nothing of how old a build is.
	Finished time.Time `cel:"finished" json:"finished,omitzero"`
}

// Input is one thing that entered a build.
type Input struct {
	URI    string `cel:"uri" json:"uri"`   // as the provenance has it
	Name   string `cel:"name" json:"name"` // of an image: its repository; of a package: its name
	PURL   string `cel:"purl" json:"purl"`
	Digest string `cel:"digest" json:"digest"` // "sha256:..." or "gitCommit:..."
}

// Base is an image that entered a build as what it was built on.
type Base struct {
	Subject string `cel:"subject" json:"subject"` // as Signature.Subject, of the provenance that names it
	URI     string `cel:"uri" json:"uri"`         // as the provenance has it
	Name    string `cel:"name" json:"name"`       // its repository
	PURL    string `cel:"purl" json:"purl"`
	Digest  string `cel:"digest" json:"digest"` // "sha256:..."
}

// Rebuild is a statement that the image was built again with the same result, one that counts.
type Rebuild struct {
	Subject      string    `cel:"subject" json:"subject"`
	Signer       string    `cel:"signer" json:"signer"`
	Owner        string    `cel:"owner" json:"owner"`               // by whom it is counted: an owner of the roster or of a signer; of the twins' own: the maker
	Original     bool      `cel:"original" json:"original"`         // said by who made the image: the twins' own
	Level        string    `cel:"level" json:"level"`               // of equality: "manifest", "content", ...
	Independence string    `cel:"independence" json:"independence"` // "same-host", "other-host", "other-owner"
	Inputs       string    `cel:"inputs" json:"inputs"`             // "seal" or "refetched"
	Bases        string    `cel:"bases" json:"bases"`               // "kept": on a Debian base that an earlier audit of the owner's made; empty: on its own
	Environment  string    `cel:"environment" json:"environment"`   // the roster's class
	Axes         []string  `cel:"axes" json:"axes"`                 // what differed between the builds, as it was measured
	Time         time.Time `cel:"time" json:"time,omitzero"`
}

// Package is one that the signed SBOM lists.
type Package struct {
	Subject string `cel:"subject" json:"subject"` // as Signature.Subject, of the SBOM that lists it
	Name    string `cel:"name" json:"name"`
	Version string `cel:"version" json:"version"`
	PURL    string `cel:"purl" json:"purl"`
	License string `cel:"license" json:"license"` // SPDX expression; "NOASSERTION" or empty: unknown
}

// Statement is one of a predicate type that has no field of its own.
type Statement struct {
	Signer    string    `cel:"signer" json:"signer"`       // as Signature.Signer
	Roles     []string  `cel:"roles" json:"roles"`         // that the signer has
	Type      string    `cel:"type" json:"type"`           // the predicate type, a URI
	Subject   string    `cel:"subject" json:"subject"`     // as Signature.Subject
	Predicate any       `cel:"predicate" json:"predicate"` // JSON; numbers are double where exact, else strings
	Time      time.Time `cel:"time" json:"time,omitzero"`
}

// List is a deny list or release index that was asked.
type List struct {
	Kind     string    `cel:"kind" json:"kind"` // "deny list", "release index"
	Name     string    `cel:"name" json:"name"`
	Sequence int       `cel:"sequence" json:"sequence"`
	Issued   time.Time `cel:"issued" json:"issued,omitzero"`
	Expires  time.Time `cel:"expires" json:"expires,omitzero"`
}

// Summary is what verification concludes from all that, for every manifest of the image.
type Summary struct {
	Verdict      string   `cel:"verdict" json:"verdict"`       // verify.Verdict: "verified", "not-reproduced", "missing", ...
	Reproduced   bool     `cel:"reproduced" json:"reproduced"` // built twice by its maker, with one result
	Level        int      `cel:"level" json:"level"`           // the least of all manifests; 0: none is known
	Rebuilders   []string `cel:"rebuilders" json:"rebuilders"` // owners, the maker not among them
	Independence string   `cel:"independence" json:"independence"`
	Axes         []string `cel:"axes" json:"axes"`
}

// Block is something that no rule can allow.
type Block struct {
	Verdict  string `json:"verdict"` // "denied", "undecided", "refused", ...
	Reason   string `json:"reason"`
	ExitCode int    `json:"exitCode"`
}

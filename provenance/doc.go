// Package provenance turns what is known of a build into signed-to-be statements, and reads such statements back.
//
// Three kinds of in-toto Statement v1 are made, each about one digest: SLSA provenance v1 (where the image came from), a
// rebuild statement (it was built again and came out the same, under these variations, by these builders), and an SPDX
// document (what is in it). The package is pure: the same Build gives the same bytes, and those bytes are what is signed,
// so nothing is ever serialised twice.
//
// Reading is stricter than the in-toto specification asks: [Parse] works on the very bytes whose signature was checked and
// refuses what other readers let through (a missing _type, duplicate or case-folded keys, upper-case digests).
//
// The build type and the schema of both predicates are documented in docs/reference/buildtype.md.
package provenance

// URIs of the statements. BuildType and PredicateRebuild are ours, the others belong to their specifications.
const (
	StatementType        = "https://in-toto.io/Statement/v1"
	StatementTypeV01     = "https://in-toto.io/Statement/v0.1" // still written by cosign v3; accepted on reading only
	PayloadType          = "application/vnd.in-toto+json"
	PredicateProvenance  = "https://slsa.dev/provenance/v1"
	PredicateRebuild     = "https://selfsame.build/rebuild/v0.1"
	PredicateSPDX        = "https://spdx.dev/Document"
	PredicateLink        = "https://in-toto.io/attestation/link/v0.3" // in-toto/attestation, predicates/link; package intoto reads it
	BuildType            = "https://selfsame.build/buildtypes/recipe/v1"
	MaxStatementBytes    = 64 << 20 // signing.MaxPayload
	MaxSBOMBytes         = 16 << 20 // of an SPDX document
	maxSubjects          = 64
	maxDigestsPerSubject = 8
)

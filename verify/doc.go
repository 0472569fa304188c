// Package verify decides whether the evidence attached to an image proves what selfsame claims: this very image was built
// from locked inputs, twice, in unlike surroundings, with the same result.
//
// The order is that of SLSA's "Verifying artifacts": the signature first, then subject, predicate type, name, builder,
// build type and parameters; then the rebuild; then every platform manifest in the same way, and that the index lists
// exactly the manifests that the evidence vouches for. Each check ends as ok, failed or not checked, with what it saw; the
// verdict follows from the checks and from nothing else. Nothing to check is a failure.
//
// Anyone who may push to a repository may attach anything to an image. So a referrer that is junk, unsigned, somebody
// else's or about something else is counted and listed with its reason; it never hides good evidence and never adds to it.
// A tag is resolved once; everything after that goes by digest, and every manifest is hashed again here.
package verify

// Package registry moves images and their evidence to and from OCI registries.
//
// It speaks the distribution specification itself, over go-containerregistry's handshake (which finds the scheme, answers
// the token challenge and sends credentials to no other host) and docker's configuration of credentials. What it adds:
//
//   - bytes are verified where they arrive: every manifest and blob hashes to the digest that was asked for, a tag is resolved
//     once and everything after goes by digest;
//   - every read is bounded, in bytes, pages, entries and time; a registry that stalls is an error, not a wait;
//   - a tag is written last, when everything it leads to, the evidence included, has been read back;
//   - evidence attached to an image stays attached, also where the list of evidence is a tag that writers overwrite
//     (attach.go says how).
//
// Failures are diagnostics A0510 to A0517. A cancelled context is returned as it is.
package registry

// Package trust says whose word counts for what: parties (keys, and identities that a certificate authority vouches for), the
// roles that they may speak in, and when.
//
// A signature proves who said something. Whether that one may say it is decided here, from a file that the verifier wrote, and
// from nothing that a statement says of itself. The package is pure.
package trust

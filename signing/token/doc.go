// Package token signs with keys on PKCS #11 tokens: smart cards, security keys, hardware security modules. It is a program for sigstore's
// KMS plugin protocol, sigstore-kms-p11, so that the token's module, a C library, is loaded into a process of its own that lives for one
// signature; stock cosign can use it as well (--key p11://token=...).
//
// A PIN is tried once. Nothing of this package is in selfsame itself, which is built without C.
package token

//go:build cgo

// Command sigstore-kms-p11 signs with keys on PKCS #11 tokens, for selfsame (--key pkcs11:token=...) and for stock cosign
// (--key p11://token=...). It speaks sigstore's protocol for KMS plugins and is started for each signature.
package main

import (
	"cmp"
	"os"

	"github.com/selfsame-build/selfsame/signing/plugin"
	"github.com/selfsame-build/selfsame/signing/token"
)

func main() {
	os.Exit(token.Process{
		Args: os.Args, In: os.Stdin, Out: os.Stdout,
		// The second name of each is cosign's own.
		PIN:    cmp.Or(os.Getenv(plugin.PINVariable), os.Getenv("COSIGN_PKCS11_PIN")),
		Module: os.Getenv("COSIGN_PKCS11_MODULE_PATH"),
	}.Serve())
}

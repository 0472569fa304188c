// Command kms is a KMS for tests: a program of sigstore's plugin protocol, made with sigstore's own library. Its resource is a folder with the
// file "current", which names the version of the key: a PKCS #8 file beside it. With the file "pss" it signs in another way than its clients
// verify.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

type key struct {
	signature.SignerVerifier
	pss *rsa.PrivateKey
}

func main() {
	args, err := handler.GetPluginArgs(os.Args)
	if err == nil {
		var k key
		if k, err = load(args.InitOptions.KeyResourceID); err == nil {
			_, err = handler.Dispatch(os.Stdout, os.Stdin, args, k)
		}
	}
	if err != nil {
		_ = handler.WriteErrorResponse(os.Stdout, err)
		os.Exit(1)
	}
}

func load(dir string) (key, error) {
	version, err := os.ReadFile(filepath.Join(dir, "current"))
	if err != nil {
		return key{}, err
	}
	data, err := os.ReadFile(filepath.Join(dir, strings.TrimSpace(string(version))))
	if err != nil {
		return key{}, err
	}
	private, err := cryptoutils.UnmarshalPEMToPrivateKey(data, nil)
	if err != nil {
		return key{}, err
	}
	sv, err := signature.LoadDefaultSignerVerifier(private)
	k := key{SignerVerifier: sv}
	if _, missing := os.Stat(filepath.Join(dir, "pss")); missing == nil {
		k.pss, _ = private.(*rsa.PrivateKey)
	}
	return k, err
}

func (k key) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	if k.pss == nil {
		return k.SignerVerifier.SignMessage(message, opts...)
	}
	h := crypto.SHA256.New()
	if _, err := io.Copy(h, message); err != nil {
		return nil, err
	}
	return rsa.SignPSS(rand.Reader, k.pss, crypto.SHA256, h.Sum(nil), nil)
}

func (key) CreateKey(context.Context, string) (crypto.PublicKey, error) { return nil, errors.New("no") }
func (key) SupportedAlgorithms() []string                               { return nil }
func (key) DefaultAlgorithm() string                                    { return "" }
func (key) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	return nil, nil, errors.New("no")
}

// Package conformance is the client that sigstore's conformance suite is run against. Where selfsame itself takes only statements in
// bundles v0.3, the suite asks for everything that a client of sigstore's has to take; the checks are the same.
package conformance

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// publicGood is the trusted root of the public instance, as stock cosign v3.1.3's tests have it: the last of its windows begins on
// 2022-10-20. It is here, and nowhere in selfsame, because the suite's cases without a root of their own mean that instance.
//
//go:embed public_good.json
var publicGood []byte

const help = `usage: conformance-client verify-bundle --bundle FILE (--certificate-identity WHO --certificate-oidc-issuer URL | --key FILE)
           [--trusted-root FILE] FILE|sha256:DIGEST

Verifies one bundle of sigstore's, as the suite sigstore-conformance asks clients to. Exit 0: it holds; 1: it does not, or nothing could be
decided. Without --trusted-root the public instance's is used, from cosign v3.1.3's tests; what came after 2022-10-20 is not in it. Nothing is fetched.
Signing, and the staging instance, are not spoken.
`

// maxFile bounds what is read into memory of any file but the artifact, in bytes.
const maxFile = signing.MaxBundle

type request struct {
	bundle, identity, issuer, key, root, artifact string
}

// Main runs one command and gives its exit code.
func Main(args []string, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(stderr, help)
		return 1
	}
	who, err := run(args)
	if err != nil {
		fmt.Fprintf(stderr, "conformance-client: %v\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "verified: signed by %s\n", who)
	return 0
}

func run(args []string) (trust.Party, error) {
	if args[0] != "verify-bundle" {
		return trust.Party{}, fmt.Errorf("unknown command %q", args[0])
	}
	var r request
	f := flag.NewFlagSet("verify-bundle", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&r.bundle, "bundle", "", "")
	f.StringVar(&r.identity, "certificate-identity", "", "")
	f.StringVar(&r.issuer, "certificate-oidc-issuer", "", "")
	f.StringVar(&r.key, "key", "", "")
	f.StringVar(&r.root, "trusted-root", "", "")
	if err := f.Parse(args[1:]); err != nil {
		return trust.Party{}, err
	}
	if f.NArg() != 1 || r.bundle == "" {
		return trust.Party{}, errors.New("one bundle and one artifact are needed")
	}
	r.artifact = f.Arg(0)
	return r.verify()
}

func (r request) verify() (trust.Party, error) {
	t, rule, err := r.trust()
	if err != nil {
		return trust.Party{}, err
	}
	bundle, err := read(r.bundle)
	if err != nil {
		return trust.Party{}, err
	}
	a, done, err := artifact(r.artifact)
	if err != nil {
		return trust.Party{}, err
	}
	defer done()
	by, err := t.VerifyArtifact(bundle, a)
	if err != nil {
		return trust.Party{}, err
	}
	if by.Identity != (trust.Identity{}) && !rule.Matches(by.Identity) {
		return trust.Party{}, fmt.Errorf("signed by %s, which is not who was asked for", by)
	}
	return by, nil
}

// trust is what to verify against: a key, or an identity that the root vouches for, never both.
func (r request) trust() (t signing.Trust, rule trust.IdentityRule, err error) {
	raw := publicGood
	if r.root != "" {
		if raw, err = read(r.root); err != nil {
			return t, rule, err
		}
	}
	if t.Root, err = signing.LoadRoot(raw); err != nil {
		return t, rule, err
	}
	if r.key == "" {
		rule, err = trust.ExactIdentity(r.issuer, r.identity)
		return t, rule, err
	}
	if r.identity != "" || r.issuer != "" {
		return t, rule, errors.New("a key and an identity contradict each other")
	}
	raw, err = read(r.key)
	if err != nil {
		return t, rule, err
	}
	k, err := signing.LoadVerifier(raw)
	t.Keys = []*signing.Verifier{k}
	return t, rule, err
}

// artifact is a file, or a digest.
//
//	> The digest should start with the `sha256:` prefix, should be the right length for a hexadecimal SHA-256 digest, and should not be
//	> a path on disk. If any of those conditions are not met, the input should be interpreted as a filepath instead.
func artifact(name string) (signing.Artifact, func(), error) {
	if _, err := os.Stat(name); err != nil {
		text, named := strings.CutPrefix(name, "sha256:")
		if sum, err := hex.DecodeString(text); named && err == nil && len(sum) == 32 {
			return signing.Artifact{SHA256: sum}, func() {}, nil
		}
	}
	f, err := os.Open(name) //nolint:gosec // the suite's own file
	if err != nil {
		return signing.Artifact{}, nil, err
	}
	return signing.Artifact{Content: f}, func() { _ = f.Close() }, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the suite's own file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

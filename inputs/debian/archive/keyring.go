// Package archive reads what a Debian archive says of itself: the signed InRelease of a suite, the package indexes that it
// vouches for, and the apt sources that say where archives are. It opens no connection.
package archive

import (
	"bytes"
	_ "embed" // the Debian archive keys
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp"
)

//go:embed debian-archive-keyring.gpg
var debianKeys []byte

// maxKeyring bounds a keyring; Debian's has 56 KB.
const maxKeyring = 4 << 20

// Keyring is a set of OpenPGP public keys. The zero value trusts nobody.
type Keyring struct{ keys openpgp.EntityList }

// DebianKeyring holds the Debian archive keys that this module carries (KEYRING.md says where they come from).
var DebianKeyring = sync.OnceValue(func() Keyring {
	k, err := ReadKeyring(bytes.NewReader(debianKeys))
	if err != nil {
		panic("embedded Debian keys: " + err.Error()) // a test reads them, so this cannot ship
	}
	return k
})

// ReadKeyring reads binary OpenPGP public keys, at most 4 MiB.
func ReadKeyring(r io.Reader) (Keyring, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyring+1))
	if err != nil {
		return Keyring{}, fmt.Errorf("reading keyring: %w", err)
	}
	if len(data) > maxKeyring {
		return Keyring{}, fmt.Errorf("reading keyring: more than %d bytes", maxKeyring)
	}
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(data))
	if err != nil {
		return Keyring{}, fmt.Errorf("reading keyring: %w", err)
	}
	return Keyring{keys}, nil
}

// Fingerprints of the primary keys, upper-case hexadecimal, sorted.
func (k Keyring) Fingerprints() []string {
	var f []string
	for _, e := range k.keys {
		f = append(f, fingerprint(e))
	}
	slices.Sort(f)
	return f
}

func fingerprint(e *openpgp.Entity) string {
	return strings.ToUpper(fmt.Sprintf("%x", e.PrimaryKey.Fingerprint))
}

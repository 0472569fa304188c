package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// MaxInRelease bounds an InRelease in bytes; trixie's has 140 KB.
const MaxInRelease = 8 << 20

// maxSignatures bounds the signatures of one InRelease; Debian's have two or three.
const maxSignatures = 16

// SignatureError says why an InRelease is not believed.
type SignatureError struct{ Reason string }

func (e *SignatureError) Error() string { return e.Reason }

func badSignature(format string, args ...any) error {
	return &SignatureError{fmt.Sprintf(format, args...)}
}

var armorStart = []byte("-----BEGIN PGP SIGNED MESSAGE-----\n")

// openSigned checks a clear-signed message and returns the signed text and the fingerprints of the primary keys with a good
// signature, sorted. It is as strict as apt: nothing may stand before or after the message, for a reader of the whole file
// would take it for signed (CVE-2013-1051); one bad signature by a known key spoils all others; signatures by unknown keys
// are ignored, because a suite is signed by the next release's keys as well.
func openSigned(data []byte, keys Keyring, now time.Time) ([]byte, []string, error) {
	if len(data) > MaxInRelease {
		return nil, nil, badSignature("it exceeds %d bytes", MaxInRelease)
	}
	if !bytes.HasPrefix(data, armorStart) {
		return nil, nil, badSignature("it is not clear-signed")
	}
	block, rest := clearsign.Decode(data)
	if block == nil {
		return nil, nil, badSignature("its signature is cut off or malformed")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, nil, badSignature("something follows the signature")
	}
	signatures, err := splitSignatures(block.ArmoredSignature.Body)
	if err != nil {
		return nil, nil, badSignature("its signature cannot be read: %v", err)
	}
	var good []string
	for _, sig := range signatures {
		at := func() time.Time { return now }
		signer, err := openpgp.CheckDetachedSignature(keys.keys, bytes.NewReader(block.Bytes), bytes.NewReader(sig), &packet.Config{Time: at})
		if errors.Is(err, pgperrors.ErrUnknownIssuer) {
			continue
		}
		if err != nil {
			return nil, nil, badSignature("a signature by a known key is bad: %v", err)
		}
		good = append(good, fingerprint(signer))
	}
	if len(good) == 0 {
		return nil, nil, badSignature("none of its %d signatures is by a trusted key", len(signatures))
	}
	slices.Sort(good)
	return block.Plaintext, slices.Compact(good), nil
}

// splitSignatures takes the packets apart, because the library stops at the first one by a known key.
func splitSignatures(r io.Reader) ([][]byte, error) {
	var all [][]byte
	packets := packet.NewOpaqueReader(r)
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(all) == maxSignatures {
			return nil, fmt.Errorf("more than %d packets", maxSignatures)
		}
		var b bytes.Buffer
		if err := p.Serialize(&b); err != nil {
			return nil, err
		}
		all = append(all, b.Bytes())
	}
	if len(all) == 0 {
		return nil, errors.New("no signature")
	}
	return all, nil
}

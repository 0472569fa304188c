//go:build cgo

package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"
)

// Numbers of PKCS #11 v3.0 that the binding does not have.
const (
	ckkECEdwards = 0x40
	ckmEDDSA     = 0x1057
)

var curves = []struct {
	oid   asn1.ObjectIdentifier
	curve elliptic.Curve
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, elliptic.P256()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 34}, elliptic.P384()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 35}, elliptic.P521()},
}

// public reads the public key that the URI names. It needs no PIN.
func (s *session) public() (crypto.PublicKey, error) {
	o, err := s.object(pkcs11.CKO_PUBLIC_KEY, "public key")
	if err != nil {
		return nil, err
	}
	kind, err := s.attributes(o, pkcs11.CKA_KEY_TYPE)
	if err != nil {
		return nil, err
	}
	switch number(kind[0]) {
	case pkcs11.CKK_RSA:
		v, err := s.attributes(o, pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT)
		if err != nil {
			return nil, err
		}
		e := new(big.Int).SetBytes(v[1])
		if e.BitLen() > 31 {
			return nil, errors.New("the RSA key's exponent is too large")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(v[0]), E: int(e.Int64())}, nil
	case pkcs11.CKK_EC:
		v, err := s.attributes(o, pkcs11.CKA_EC_PARAMS, pkcs11.CKA_EC_POINT)
		if err != nil {
			return nil, err
		}
		return ecPoint(v[0], v[1])
	case ckkECEdwards:
		v, err := s.attributes(o, pkcs11.CKA_EC_POINT)
		if err != nil {
			return nil, err
		}
		point := octets(v[0])
		if len(point) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("an Edwards key of %d bytes is not Ed25519", len(point))
		}
		return ed25519.PublicKey(point), nil
	}
	return nil, fmt.Errorf("keys of type %d do not sign evidence", number(kind[0]))
}

func (s *session) attributes(o pkcs11.ObjectHandle, types ...uint) ([][]byte, error) {
	want := make([]*pkcs11.Attribute, len(types))
	for i, t := range types {
		want[i] = pkcs11.NewAttribute(t, nil)
	}
	got, err := s.ctx.GetAttributeValue(s.handle, o, want)
	if err != nil || len(got) != len(types) {
		return nil, fmt.Errorf("reading the key's attributes: %w", err)
	}
	out := make([][]byte, len(got))
	for i, a := range got {
		out[i] = a.Value
	}
	return out, nil
}

// number reads a CK_ULONG in the machine's byte order.
func number(b []byte) uint {
	var n uint
	for i := range b {
		n = n<<8 | uint(b[len(b)-1-i])
	}
	return n
}

func ecPoint(params, point []byte) (crypto.PublicKey, error) {
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(params, &oid); err != nil || len(rest) > 0 {
		return nil, errors.New("the key's curve is not named")
	}
	for _, c := range curves {
		if c.oid.Equal(oid) {
			return ecdsa.ParseUncompressedPublicKey(c.curve, octets(point)) // refuses a point that is not on the curve
		}
	}
	return nil, fmt.Errorf("the curve %s does not sign evidence", oid)
}

// octets takes the OCTET STRING off a point. Some tokens leave it away.
func octets(point []byte) []byte {
	var inner []byte
	if rest, err := asn1.Unmarshal(point, &inner); err == nil && len(rest) == 0 {
		return inner
	}
	return point
}

// digestInfo are the DER prefixes of PKCS #1 v1.5 (RFC 8017, 9.2, note 1).
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
}

// sign logs in and signs: the digest for ECDSA and RSA, the message for Ed25519.
func (s *session) sign(public crypto.PublicKey, digest, message []byte) ([]byte, error) {
	if err := s.login(); err != nil {
		return nil, err
	}
	o, err := s.object(pkcs11.CKO_PRIVATE_KEY, "private key")
	if err != nil {
		return nil, err
	}
	mechanism, data := uint(pkcs11.CKM_ECDSA), digest
	switch public.(type) {
	case *rsa.PublicKey:
		mechanism, data = pkcs11.CKM_RSA_PKCS, bytes.Join([][]byte{digestInfo[crypto.SHA256], digest}, nil)
	case ed25519.PublicKey:
		mechanism, data = ckmEDDSA, message
	}
	if err := s.ctx.SignInit(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, o); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	sig, err := s.ctx.Sign(s.handle, data)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if _, ok := public.(*ecdsa.PublicKey); !ok {
		return sig, nil
	}
	// A token gives r and s side by side; the world reads them as ASN.1.
	half := len(sig) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
}

package archive

import (
	"bytes"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

// joinArmor is one armored signature with the packets of several.
func joinArmor(blocks ...*clearsign.Block) []byte {
	var b bytes.Buffer
	w, err := armor.Encode(&b, "PGP SIGNATURE", nil)
	if err != nil {
		panic(err)
	}
	for _, s := range blocks {
		if _, err := io.Copy(w, s.ArmoredSignature.Body); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return append(b.Bytes(), '\n')
}

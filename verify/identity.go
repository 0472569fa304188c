package verify

import (
	"github.com/selfsame-build/selfsame/trust"
)

// signers is what to call those who signed.
func signers(parties map[trust.Party]bool) string {
	for p := range parties {
		if p.Identity != (trust.Identity{}) {
			return "signer(s)"
		}
	}
	return "key(s)"
}

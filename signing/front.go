//go:build front

package signing

import (
	"context"
	"errors"
	"time"
)

// In the front (internal/cli/handover.go) nothing is signed, and nothing but signatures by public keys in files is checked. Nobody can make a
// Root there, and what is asked of one is refused all the same.

// Root is an instance of sigstore; there is none in the front.
type Root struct{}

// LoadRoot has nothing to load one with.
func LoadRoot([]byte) (*Root, error) { return nil, ErrElsewhere }

// OpenOptions is what opening a key needs besides its name: of a file, nothing.
type OpenOptions struct{}

// ErrElsewhere is what the front answers where the whole program is needed.
var ErrElsewhere = errors.New("only public keys in files are known here; another program knows the others")

func (*Root) verifyCertified(*bundle) (Signed, error) { return Signed{}, ErrElsewhere }

func (*Root) timeOf(*bundle, *Verifier) time.Time { return time.Time{} }

func (Ref) remote(context.Context, OpenOptions) (any, *Verifier, error) {
	return nil, nil, ErrElsewhere
}

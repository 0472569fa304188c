package ground

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// Setup is what a verifier was told, by flags or by its configuration. The zero value of a field: nothing was said of it.
type Setup struct {
	// Keys and Identities are whose word counts where there is no trust file. Root is for identities, and for timestamps beside keys.
	Keys       []*signing.Verifier
	Identities []trust.IdentityRule
	Root       *signing.Root
	// Trust and Roster are paths of files.
	Trust, Roster string
	Demand        trust.Demand
	MinLevel      trust.Level
	Lists         Lists
	Policy        PolicyAt
	// Client reaches registries.
	Client *registry.Client
	// Memory gives what was seen before of lists; it is asked only where there is one to be compared. nil, or nil from it: nothing is
	// remembered.
	Memory func() (*freshness.Memory, error)
	// Now is the verifier's clock.
	Now func() time.Time
}

// Loaded is what a setup comes to.
type Loaded struct {
	// Options are ready but for the image: Source, Digest, Reference and ExpectName.
	Options  verify.Options
	Warnings diag.List
	// RootSHA256 is of the trusted root that the trust file names, in hexadecimal; empty: it names none.
	RootSHA256 string
}

// What both the setup and the trust file name.
var (
	ErrTwoRoots = errors.New("two trusted roots are named")
	ErrTwoLists = errors.New("a list is named twice")
	// Identities sign a list, and nothing can prove one.
	ErrDenyRootless   = errors.New("there is no trusted root to prove by who signed the deny list")
	ErrIndexRootless  = errors.New("there is no trusted root to prove by who signed the release index")
	ErrPolicyRootless = errors.New("there is no trusted root to prove by who signed the policy")
)

// Load reads files and lists. The lists are read once, for however many images are verified by them. base has what else is expected of
// images. Errors are those of packages trust, signing and freshness; the warnings that were found before one are returned with it.
func (s Setup) Load(ctx context.Context, base verify.Options) (Loaded, error) {
	out, err := s.Read(base)
	if err == nil {
		err = s.lists(ctx, &out.Options)
	}
	return out, err
}

// Read reads the files alone, and opens no list.
func (s Setup) Read(base verify.Options) (Loaded, error) {
	out := Loaded{Options: base}
	o := &out.Options
	o.Now, o.Demand, o.MinLevel = s.Now(), s.Demand, s.MinLevel
	o.Trust.Keys, o.Trust.Root, o.Identities = append(o.Trust.Keys, s.Keys...), s.Root, s.Identities
	return out, s.files(&out)
}

func (s Setup) files(l *Loaded) error {
	o := &l.Options
	if s.Trust != "" {
		warnings, err := o.UseTrust(s.Trust, o.Now)
		if err != nil {
			return err
		}
		l.Warnings = append(l.Warnings, warnings...)
		switch {
		case o.TrustedRoot != "" && o.Trust.Root != nil:
			return ErrTwoRoots
		case o.TrustedRoot != "":
			if o.Trust.Root, l.RootSHA256, err = readRoot(o.TrustedRoot); err != nil {
				return err
			}
		}
	}
	if s.Roster == "" {
		return nil
	}
	warnings, err := o.UseRoster(s.Roster)
	l.Warnings = append(l.Warnings, warnings...)
	return err
}

// maxRoot bounds a trusted_root.json in bytes, as package signing does.
const maxRoot = 4 << 20

// readRoot reads a trusted root and the digest of the very bytes.
func readRoot(path string) (*signing.Root, string, error) {
	f, err := os.Open(path) //nolint:gosec // the trust file names it
	if err != nil {
		return nil, "", fmt.Errorf("reading the trusted root: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxRoot+1))
	if err != nil {
		return nil, "", fmt.Errorf("reading the trusted root: %w", err)
	}
	root, err := signing.LoadRoot(data)
	sum := sha256.Sum256(data)
	return root, hex.EncodeToString(sum[:]), err
}

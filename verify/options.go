package verify

import (
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// Options says what to verify and what to expect of it. The zero values of the expectations are the strict or the honest
// ones: what is not expected is reported as not checked.
type Options struct {
	// Reference is what the user named, for the report only.
	Reference string
	// Source is where image and evidence are read: a repository of a registry, or a layout on disk.
	Source artifact.Source
	// Digest is the image: an index or a platform manifest. There is no tag here on purpose: who has one resolves it once,
	// prints it, and passes the digest, so that nobody can answer twice (CVE-2022-47633, CVE-2023-33959).
	Digest digest.Digest
	// Trust is whose signatures hold: at least one key, or a root together with Identities.
	Trust signing.Trust
	// Identities are those that count of all that Trust.Root vouches for. None: no certificate's signature counts.
	Identities []trust.IdentityRule

	// ExpectName is the repository (without tag) that the evidence must name. Empty for an image in a folder, which has no
	// name of its own: then all statements must agree on one.
	ExpectName string
	// ExpectBuilder is the only builder.id accepted; empty accepts selfsame's own.
	ExpectBuilder string
	// ExpectSource is the source URI ("git+https://...") that the evidence must name; empty: not checked.
	ExpectSource string
	// AllowUnreproduced accepts an image that was signed but of which no rebuild is proven. The report still says so.
	AllowUnreproduced bool
	// Budget bounds the work that strangers can cause by attaching things.
	Budget Budget
}

// Budget bounds reading. Zero means the default. A bound that is reached makes the verdict undecided, never a success: what
// was not read could be a statement that a rebuild failed.
type Budget struct {
	Listing   artifact.Budget // of the referrers of one manifest
	Bytes     int64           // of all bundles of one manifest together; 0: 1 GiB
	Platforms int             // listed by an index; 0: 64
}

func (b Budget) withDefaults() Budget {
	if b.Bytes == 0 {
		b.Bytes = 1 << 30
	}
	if b.Platforms == 0 {
		b.Platforms = 64
	}
	return b
}

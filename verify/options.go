package verify

import (
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
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
	// Trust is whose signatures hold: at least one key, or a root. UseTrust and UseRoster add those that a file names.
	Trust signing.Trust
	// Identities are those that count, as a key does, of all that Trust.Root vouches for.
	Identities []trust.IdentityRule
	// Signers are what those may say, as a trust file has it; nil: each key may release, rebuild and speak against.
	Signers []trust.Signer
	// Roster are those whose rebuilds are counted; nil: the rebuilders among Signers that have an owner.
	Roster *trust.Roster
	// Demand is how many rebuilders have to agree.
	Demand trust.Demand
	// MinLevel is the least SLSA build level; 0: none is asked for.
	MinLevel trust.Level
	// Now is the time by which waivers expire; the zero time lets none count.
	Now time.Time
	// TrustedRoot is the path of the trusted_root.json that the trust file names, for whoever lets identities count in Trust.
	TrustedRoot string
	// PolicySHA256 is the trust file's, for summaries.
	PolicySHA256 string

	// ExpectName is the repository (without tag) that the evidence must name. Empty for an image in a folder, which has no
	// name of its own: then all statements must agree on one.
	ExpectName string
	// ExpectBuilder is the only builder.id accepted; empty accepts selfsame's own.
	ExpectBuilder string
	// ExpectSource is the source URI ("git+https://...") that the evidence must name; empty: not checked.
	ExpectSource string
	// AllowUnreproduced accepts an image that was signed but of which no rebuild is proven. The report still says so.
	AllowUnreproduced bool
	// Layout is what the steps of the image's pipeline must have been (OpenLayout); nil: not checked.
	Layout *Layout
	// DenyAt and IndexAt are what the trust file says of lists; whoever opens them puts them into Deny and Index.
	DenyAt  *trust.DenyList
	IndexAt *trust.Index
	// PolicyAt is where the trust file says that the signed policy lies; whoever decides by it opens it.
	PolicyAt *trust.PolicyPlace
	// OwnerIndexes are what owners of the roster have published elsewhere.
	OwnerIndexes []OwnerIndex
	// Deny is the deny list that is asked before anything else; nil: none.
	Deny *freshness.DenyList
	// Index demands a release index, and everything that it lists; nil: none is asked for.
	Index *IndexOptions
	// Verdicts lets a policy's verdict that is handed on stand in for rules that said no (Result.Judge); for Facts.
	Verdicts bool
	// Facts has the result keep what a policy's rules look at (Result.Facts): predicates and lists of contents are read for it.
	Facts bool
	// Budget bounds the work that strangers can cause by attaching things.
	Budget Budget

	// unnamed says that the entries stand for flags, and have no names of anybody's choosing.
	unnamed bool
	// checkBundle is how a bundle is verified; tests set it to make identities and trusted times. nil: Trust.Verify.
	checkBundle func(bundle []byte) (signing.Signed, error)
}

// Budget bounds reading. Zero means the default. A bound that is reached makes the verdict undecided, never a success: what
// was not read could be a statement that a rebuild failed.
type Budget struct {
	Listing   artifact.Budget // of the referrers of one manifest; 0: 20,000 of them on 2,000 pages, 256 MiB of manifests
	Bytes     int64           // of all bundles of one manifest together; 0: 1 GiB
	Platforms int             // listed by an index; 0: 64
	Time      time.Duration   // of the whole run; 0: 10 minutes
}

func (b Budget) withDefaults() Budget {
	if b.Bytes == 0 {
		b.Bytes = 1 << 30
	}
	if b.Platforms == 0 {
		b.Platforms = 64
	}
	if b.Time == 0 {
		b.Time = 10 * time.Minute
	}
	// Ten thousand attached by somebody else must not keep the good ones from being read.
	if b.Listing.Referrers == 0 {
		b.Listing.Referrers = 20_000
	}
	if b.Listing.Pages == 0 {
		b.Listing.Pages = 2_000
	}
	if b.Listing.Bytes == 0 {
		b.Listing.Bytes = 256 << 20
	}
	return b
}

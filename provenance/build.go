package provenance

import (
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Build is everything that the evidence says of one build, as plain values: what was asked, what went in, where it ran and
// what came out. Whoever built fills it in; nothing here is looked up. All digests are sha256.
type Build struct {
	// Name is the repository that the image is published under, without tag or digest ("registry.example.com/team/shop").
	// It becomes the subject's name, so that the evidence cannot be replayed in another repository.
	Name string
	// Index is the published image index; IndexTwin the digest of the index that B's manifests make.
	Index     ocispec.Descriptor
	IndexTwin digest.Digest
	// Images are the platform manifests that Index lists, in any order.
	Images []Image

	Recipe Recipe
	Lock   Lock
	Source Source
	// Target and Args are the recipe's own build parameters, repeated so that a verifier can hold expectations of them.
	Target string
	Args   map[string]string
	// SealedSecrets are the ids (never values) of the secrets that steps ask for, and of ssh agents after "ssh:". They had values while
	// recording at most.
	SealedSecrets []string

	Settings Settings
	// Twins are the builders A and B, in this order.
	Twins []Twin
	// Axes are the variations between the twins: all of them, also those that were not applied.
	Axes []Axis
	// Independence says how far apart the twins' owners are.
	Independence Independence

	// BuilderID is the SLSA builder.id; BuilderID(mode) makes ours.
	BuilderID string
	// Selfsame is this program; one binary drives both twins, which the evidence states as a common-mode risk.
	Selfsame Program
	// InvocationID, Started and Finished are about this run only. InvocationID should be globally unique.
	InvocationID      string
	Started, Finished time.Time
	// Seal is where the sealed inputs were pushed, as repository@digest; empty when they were not.
	Seal string
}

// Image is one platform's result.
type Image struct {
	Platform string             // os/arch[/variant]
	Manifest ocispec.Descriptor // A's, the one that is published
	DiffIDs  []digest.Digest    // of the layers, bottom first
	Twin     digest.Digest      // manifest digest that B got
}

// Recipe names the recipe that was built.
type Recipe struct {
	Path      string        // relative to the source, slash-separated
	Digest    digest.Digest // of the file's bytes
	Canonical digest.Digest // of the canonical form (recipes.Recipe.Digest)
	// Content is the file itself, to be embedded; may be nil.
	Content []byte
}

// Lock is the lock that the build was bound to.
type Lock struct {
	Path    string        // relative to the source, slash-separated
	Digest  digest.Digest // of the file's bytes
	Entries []lock.Entry
	// Content is the file itself, to be embedded; may be nil.
	Content []byte
}

// Source is where the build context came from. Path or Git is set.
type Source struct {
	Path   string // folder relative to the recipe
	Git    string // repository URL, without user information
	Ref    string // branch, tag or commit as the recipe has it
	Commit string // full hexadecimal commit id; empty without git
	// Dirty says that the work tree differed from Commit.
	Dirty bool
	// Context is the manifest digest of the normalised one-layer image that the build read.
	Context digest.Digest
}

// Settings are the solver's settings that can move a digest.
type Settings struct {
	BuildKit      string            // module version, "v0.34.2"
	Compatibility string            // BuildKit's compatibility version of the exporter; empty for its default
	Exporter      map[string]string // attributes given to the exporter, without output paths
	Compression   string            // zstd, gzip or none
	Layers        string            // the rules by which exported layers were made canonical
	Epoch         int64             // SOURCE_DATE_EPOCH, seconds since 1970-01-01 UTC
	Frontend      string            // "dockerfile.v0@v0.34.2" or "stages@v1"
}

// Twin is one of the two builders, as it was found and not as it was asked for.
type Twin struct {
	Name        string        // "A" or "B"
	BuildKit    string        // version that the daemon reports
	Daemon      digest.Digest // of the buildkitd binary; empty when it runs elsewhere and cannot be read
	Runc        digest.Digest
	Tracer      digest.Digest // empty when none ran
	Snapshotter string
	Kernel      string // release and build, as uname gives them outside of any variation
	CPU         string // model name
	Host        string // HostName of its machine; empty where that is not known
}

// Program is a binary that took part.
type Program struct {
	Version string
	Digest  digest.Digest
}

// AxisState says what is known of a variation.
type AxisState string

// The states of an axis. Only AxisMeasured counts as a difference between the twins.
const (
	AxisMeasured   AxisState = "measured"    // applied, and a step was seen to see it
	AxisApplied    AxisState = "applied"     // applied, not seen from inside a step
	AxisNotApplied AxisState = "not-applied" // Reason says why
)

// Axis is one way in which the surroundings of A and B differed (DESIGN §11 "Axes are measured").
type Axis struct {
	Name   string    `json:"name"`
	State  AxisState `json:"state"`
	A      string    `json:"a,omitempty"` // what a step in A saw; empty when not measured
	B      string    `json:"b,omitempty"`
	Reason string    `json:"reason,omitempty"` // why it was not applied
	// Except are steps that did not see a measured axis, because they choose for themselves.
	Except []AxisStep `json:"except,omitempty"`
}

// AxisStep is a step that an axis did not apply to.
type AxisStep struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// Independence says how far apart two builders are (DESIGN §2).
type Independence string

// The degrees of independence, weakest first.
const (
	SameHost   Independence = "same-host"
	OtherHost  Independence = "other-host"
	OtherOwner Independence = "other-owner"
)

// Mode is how the builders are run; each has its own builder.id, because consumers accept (signer, builder.id) pairs.
type Mode string

// The modes.
const (
	ModeLocal  Mode = "local"  // both daemons were started by this program on this machine
	ModeRemote Mode = "remote" // at least one daemon is reached by an address
	ModeAudit  Mode = "audit"  // a rebuild by someone else, from the evidence
)

// builderBase is the prefix of every builder.id of ours.
const builderBase = "https://selfsame.build/builder/"

// BuilderID is the SLSA builder.id for a mode.
func BuilderID(m Mode) string { return builderBase + string(m) + "/v1" }

// IsBuilderID says whether id is one that BuilderID makes.
func IsBuilderID(id string) bool {
	return id == BuilderID(ModeLocal) || id == BuilderID(ModeRemote) || id == BuilderID(ModeAudit)
}

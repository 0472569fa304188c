// Package debian makes a root filesystem out of nothing but locked, signed Debian packages (DESIGN §5, §11).
//
// The work is split by time:
//
//   - When locking, [Resolve] asks a mirror. It checks each suite's InRelease against the Debian archive keys in this
//     module, each package index against its InRelease, chooses the packages and checks each .deb against its index. What
//     it read is in the store and in the lock; the mirror is not asked again.
//   - When building, [Verify] repeats all of those checks on the stored bytes, without a network, and [Assemble] lays the
//     packages' files over each other into one deterministic tar layer. No file of theirs touches the host's filesystem,
//     so neither root, umask nor extended attributes of the host matter.
//   - In the build, the script of [ConfigureScript] runs in that layer without a network and lets dpkg install and
//     configure the same packages properly.
//
// The parts: control reads Debian's file formats, archive checks signatures and indexes, solve chooses packages, deb reads
// package files and lays them over each other.
package debian

import (
	"context"
	"io"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Store is the part of [inputs.Store] that this package needs.
type Store interface {
	// Put stores what r gives, at most limit bytes, and names it by its sha256.
	Put(ctx context.Context, r io.Reader, limit int64) (inputs.Blob, error)
	// Open reads a blob and its size in bytes; reading past the end fails when the bytes do not match the digest.
	Open(d digest.Digest) (io.ReadCloser, int64, error)
	// Has says whether the blob is there.
	Has(d digest.Digest) bool
	// PutImage writes an OCI image of layers that are in the store.
	PutImage(ctx context.Context, config ocispec.Image, layers []ocispec.Descriptor, annotations map[string]string) (ocispec.Descriptor, error)
}

// Fetcher gets a URL. It answers a *StatusError for any status but 200. The size is that of the body in bytes, or -1 when
// the server does not say. Retrying is not its business.
type Fetcher interface {
	Get(ctx context.Context, url string) (body io.ReadCloser, size int64, err error)
}

// Options say what to resolve and how.
type Options struct {
	// Spec is the recipe's wish.
	Spec recipes.Debian
	// Step is the base's name in the lock ("Step" of each entry).
	Step string
	// Arch is Debian's name of the architecture (see Arch); Platform is the same in OCI's words, for the lock: "linux/amd64".
	Arch, Platform string
	// Mirrors are asked: those of a flag (MirrorsAt), or the machine's (SystemMirror). An empty Main means the recipe's own
	// mirror; an empty Security the sibling of Main.
	Mirrors Mirrors
	// Keyring holds the keys that a suite may be signed with; archive.DebianKeyring() in production.
	Keyring archive.Keyring
	// Now decides whether an InRelease has expired. It has no influence on anything else.
	Now time.Time
	// Previous is the lock's content before this one, to refuse an InRelease older than what was locked. May be nil.
	Previous []lock.Entry
	// OnFetch is told of each package that is in the store; calls come one at a time. May be nil.
	OnFetch func(name string, done, total int)
	// Wait sleeps between tries; nil means a real timer. Tests pass one that returns at once.
	Wait func(ctx context.Context, d time.Duration) error
}

// Base is what was chosen.
type Base struct {
	Suite, Arch string
	// Releases are the suites read, the main one first.
	Releases []Release
	// Packages are sorted by name.
	Packages []Package
}

// Release is one suite's checked InRelease.
type Release struct {
	// URL is the key in the lock: the place in ImageMirrors, not the mirror that was asked.
	URL string
	// Codename is like "trixie-security".
	Codename string
	Date     time.Time
	// ValidUntil is zero when the release does not expire.
	ValidUntil time.Time
	// Keys are the fingerprints, upper-case hexadecimal, of the primary keys with a good signature; sorted.
	Keys []string
}

// Package is one chosen package.
type Package struct {
	Name, Version, Arch string
	// Codename of the suite that it came from.
	Codename string
	Digest   digest.Digest
	Size     int64 // bytes of the .deb
	// Why is the package that asked for it, or "essential" or "requested".
	Why string
}

// AssembleOptions say how to assemble.
type AssembleOptions struct {
	// Arch is Debian's name, as in Options; the image configuration gets OCI's.
	Arch string
	// Epoch is the newest time that a file may bear; a package's older times are kept.
	Epoch time.Time
	// TempDir holds an unnamed spool of about the unpacked size while assembling. Required; nothing is left in it.
	TempDir string
	// CacheDir, when set, remembers results (small files named by the digest of the entries).
	CacheDir string
	// Workers unpack in parallel; 0 means 2.
	Workers int
}

// Assembled are two one-layer OCI images in the store, named by their manifests.
type Assembled struct {
	// Rootfs has every package's files, unpacked but not configured.
	Rootfs ocispec.Descriptor
	// Debs has the same packages as files in its folder /debs (DebsDir), for the configuring step to mount read-only:
	// source path DebsDir of this image on DebsDir of the root filesystem.
	Debs ocispec.Descriptor
	// Cached says that nothing was unpacked.
	Cached bool
}

// DebsDir is where the packages are in the Debs image, and where ConfigureScript expects them.
const DebsDir = "/debs"

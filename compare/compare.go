// Package compare says whether two images are the same, and where they are not.
//
// The question is asked three times, each time more closely. Are the manifests the same, byte for byte? Then so is
// everything below them, as long as every blob really has the digest its name claims, which is checked. If not: are the
// ordered layer contents (diffIDs) and the config the same, so that only the encoder (gzip, zstd, its level) differs? If
// not: which field of the manifest or config, which layer, which entry of its tar, which bytes?
//
// Everything is streamed: layers are hashed entry by entry first, and only the entries that differ are read again, so that
// two images of any size are compared in bounded memory. Layouts and layers are hostile input: every read has a limit.
//
// The package is pure: it reads the two folders it is given and nothing else. Proof, the value that permits a push, can
// only be made here (DESIGN §3).
package compare

import (
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/compare/inside"
)

// Level is how equal two images are.
type Level string

// The levels, best first.
const (
	LevelManifest  Level = "manifest"  // bit for bit: the manifests, and so every blob, are the same
	LevelContent   Level = "content"   // same config and same ordered diffIDs; only the encoding of layers differs
	LevelDifferent Level = "different" // anything else
)

// Step says which instruction made a layer. Name is as the user wrote it ("RUN make install"); File and Line (from 1) are
// its place, empty and 0 where not known.
type Step struct {
	Name string
	File string
	Line int
}

// Options steers Images and Prove. The zero value compares with the default limits and attributes nothing.
type Options struct {
	// Steps maps a layer's index (from 0) to the step that made it.
	Steps map[int]Step
	// Limits bound what hostile images can cost; zero fields take DefaultLimits.
	Limits Limits
	// Checked are layers, blob to diffID, that the caller has read itself, in these very layouts: blob and content are what they claim to
	// be, and need not be read again.
	Checked map[digest.Digest]digest.Digest
	// ByBlob takes a layer that both images name by the same digest, and decode alike, as equal once both blobs have that digest: it is not
	// decompressed, and so nothing is said of its diffID. A layer that one side has alone is not read at all. It is for a look at two images,
	// never for a proof: Prove does not honour it.
	ByBlob bool
	// StepsB are B's steps for layers that only B has; nil: Steps.
	StepsB map[int]Step
	// OnRead, when set, is told of bytes read from blobs, by several goroutines at once.
	OnRead func(bytes int)
	// MaxDifferences is how many differing entries of one layer are described in full (default 200); the others are counted.
	MaxDifferences int
	// Inside has modified files opened, so that Content.Parts says what differs within them; nil: they are not looked into. Its Scratch
	// also holds one file of each side while it is compared.
	Inside *inside.Options
}

// Report is what a comparison of one platform found. Its order is a function of the two images alone.
type Report struct {
	Platform string // os/arch[/variant] as the config of A says
	A, B     Side
	Level    Level
	// Layers describes each differing layer, in order. For LevelManifest it is empty.
	Layers []LayerReport
	// Differences lists manifest fields, then config fields, then layer by layer what differs.
	Differences []Difference
}

// Side is one of the two images.
type Side struct {
	Dir      string        // the OCI layout it was read from
	Manifest digest.Digest // its manifest
	Layers   int           // number of layers
}

// Equal says whether the images are the same bit for bit.
func (r Report) Equal() bool { return r.Level == LevelManifest }

// FirstLayer is the index (from 0) of the first differing layer, or -1.
func (r Report) FirstLayer() int {
	if len(r.Layers) == 0 {
		return -1
	}
	return r.Layers[0].Index
}

// LayerReport counts the differences of one layer. The counts are exact, whatever Differences had room for.
type LayerReport struct {
	Index            int // from 0: IndexA, or IndexB where only B has the layer
	IndexA, IndexB   int // its place on each side; -1 where a side has no such layer
	Step             Step
	DiffIDA, DiffIDB digest.Digest // empty on the side that has no such layer
	Entries          Counts
	// Truncated is how many differing entries are counted but not in Report.Differences.
	Truncated int
}

// Counts is how many entries of a layer's tar differ, by kind. An entry is counted once, as the first kind that fits.
type Counts struct {
	Added    int // only in B
	Removed  int // only in A
	Modified int // content differs (its metadata may too)
	Metadata int // only metadata differs
	Moved    int // equal or not, stands at another place of the sequence
}

// Kind is the sort of a Difference.
type Kind string

// The kinds of difference.
const (
	KindManifest Kind = "manifest" // a field of the manifest; Path is its JSON path, Fields[0] both values
	KindConfig   Kind = "config"   // a field of the config; likewise
	KindLayers   Kind = "layers"   // the number of layers (Layer is -1), Fields[0] has both; or a layer that one side has alone
	KindIndex    Kind = "index"    // a field of the index; likewise
	KindPlatform Kind = "platform" // a platform that one side's index does not have
	KindEncoding Kind = "encoding" // a layer's blob differs though its content is the same
	KindAdded    Kind = "added"    // an entry that only B has
	KindRemoved  Kind = "removed"  // an entry that only A has
	KindModified Kind = "modified" // a regular file's bytes differ; Content says where, Fields what else differs
	KindMetadata Kind = "metadata" // owner, mode, time, type, link, xattr or header format; Fields says which
	KindOrder    Kind = "order"    // same entries, other sequence; Fields[0] has the first place where they part
	KindTar      Kind = "tar"      // all entries are the same, the tar around them is not (padding, number encoding, trailer)
)

// Difference is one thing that A and B do not share.
type Difference struct {
	Kind  Kind
	Layer int // index from 0; -1 for manifest and config
	Step  Step
	// Path is the entry's name as in the tar, or a JSON path. It is untrusted bytes: escape it before showing it.
	Path string
	// Whiteout is "file" where Path is a whiteout (.wh.NAME), "opaque" where it is .wh..wh..opq, else "".
	Whiteout string
	// Fields are the metadata or JSON values that differ, sorted by name.
	Fields []Field
	// Content is set for KindModified and KindTar.
	Content *Content
	// Truncated counts differences of the same kind, beside this one, that were left out (manifest and config only).
	Truncated int
}

// Field is one value on both sides; nil where that side has none. Values are untrusted and at most 1 KiB long (longer ones
// end in their length and digest).
type Field struct {
	Name string
	A, B *string
}

// Content is how two byte streams differ.
type Content struct {
	SizeA, SizeB     int64
	DigestA, DigestB digest.Digest
	// Located is false where the bytes were not compared (files in too different an order): then nothing else here is
	// known either.
	Located bool
	Offset  int64 // of the first differing byte
	Bytes   int64 // positions that differ, the longer side's tail included
	Ranges  int64 // runs of differing bytes (gaps of up to 8 equal bytes do not end a run)
	Windows []Window
	// Parts say what differs within, by the file's own format; empty where nobody looked (Options.Inside, or too many or too large files).
	Parts []inside.Part
}

// Window shows up to 64 bytes of both sides around the start of one differing run.
type Window struct {
	Start  int64 // offset of the first byte of A and B
	Offset int64 // where the run starts
	Length int64 // length of the run in bytes
	A, B   []byte
}

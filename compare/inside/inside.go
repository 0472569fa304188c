// Package inside says what differs within two versions of one file: which entry of an archive, which section of a program, which key of
// a document, which bytes.
//
// Bytes decide, types explain: the caller has already seen that the two files differ, and nothing here can make them equal. A file is
// opened as the format that its first bytes claim; where that fails, or where the format's own view shows no difference, the bytes
// themselves are shown. Archives are opened level by level, so that a date in a page in a tar in a gzip is shown as the date that it is.
//
// Everything read here may be hostile: depth, number of entries, unpacked bytes and their ratio, shown values and time are bounded. What
// exceeds a bound is compared as bytes.
package inside

import "io"

// File is one side.
type File struct {
	Bytes io.ReaderAt
	Size  int64
}

// Node is one step on the way from a file to a difference within it: the format that was opened, and the entry that was taken.
type Node struct {
	Format string // "gzip", "tar", "zip", "ar", ...
	Entry  string // untrusted; empty where the format holds one thing only
}

// Kind is the sort of a Part.
type Kind string

// The kinds.
const (
	KindField    Kind = "field"    // a typed value: Name says which, A and B both values (nil: absent)
	KindAdded    Kind = "added"    // an entry, section, key, row that only B has: Name
	KindRemoved  Kind = "removed"  // one that only A has
	KindOrder    Kind = "order"    // the same entries, lines or keys in another order: OrderA, OrderB
	KindText     Kind = "text"     // lines differ: Edits
	KindBytes    Kind = "bytes"    // bytes differ: Edits
	KindEncoding Kind = "encoding" // the content is the same, its compression is not: Name says what of it (level, encoder, ...)
)

// Part is one difference within a file.
type Part struct {
	Path   []Node // containers, outermost first; empty: the difference is in the file itself
	Format string // of what holds the difference: "tar", "elf", "pyc", "json", "sqlite", "text", ...; "" for plain bytes
	Kind   Kind
	Name   string  // what differs: "mtime", "section .note.gnu.build-id", "$.built", ...; untrusted
	A, B   *string // for KindField, at most 1 KiB each; for KindEncoding what is known of both encoders; for a JSON key that was added or removed its value
	// Edits are the differing runs of KindText and KindBytes, the first MaxEdits of them.
	Edits []Edit
	// OrderA and OrderB are the first lines or names of both sides from where the sequences part, at most MaxOrder each.
	OrderA, OrderB []string
	// More counts differences of the same sort beside this one that are not listed.
	More int
}

// Edit is one run of bytes that the other side does not have, with what stands around it.
type Edit struct {
	OffsetA, OffsetB int64  // where the run begins in each side, from 0
	A, B             []byte // the run, at most MaxRun bytes each; one may be empty
	LenA, LenB       int64  // its true length
	Before, After    []byte // equal bytes on both sides of the run, at most MaxContext each
}

// Bounds of what a Part shows.
const (
	MaxEdits   = 16
	MaxOrder   = 64
	MaxRun     = 512
	MaxContext = 96
	MaxValue   = 1 << 10
)

// Limits bound what one pair of files may cost; zero fields take DefaultLimits.
type Limits struct {
	Depth   int   // containers within containers
	Entries int   // entries of one container
	Bytes   int64 // unpacked from one pair of files, both sides and all levels together
	Ratio   int64 // how far a compressed stream may grow; counted above 16 MiB
	Parts   int   // parts that are described; the others are counted
}

// DefaultLimits suit build outputs of some gigabytes.
var DefaultLimits = Limits{Depth: 8, Entries: 1 << 20, Bytes: 16 << 30, Ratio: 2000, Parts: 100}

// Options steers Compare.
type Options struct {
	// Scratch is a folder for unpacked content that is larger than a few megabytes; nothing is left there. Empty: such content is
	// compared as bytes, not opened.
	Scratch string
	Limits  Limits
}

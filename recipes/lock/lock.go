// Package lock is selfsame.lock: every input of a recipe by digest, one a line (DESIGN §5, §11 "Files").
//
// The file is text, made to be reviewed and merged. Five header lines bind it to what it locks; then each line is one
// input in eleven columns with one space between them:
//
//	kind platform step key accept digest size status headers purl evidence
//
// The first five say which input, the rest what it is. Lines are unique and sorted by their bytes, as `LC_ALL=C sort`
// does, so that two branches which lock different inputs merge without a conflict. An empty column is "-". A byte that
// is no printable ASCII character (and a space) is written as % and two upper-case hex digits; so is a percent sign where
// it would read as such an escape, and a lone "-". Other percent signs stay, which keeps most URLs as they are.
//
// Each Lock has one text and each text one Lock: Parse refuses whatever Format would write differently.
package lock

import (
	"sort"

	digest "github.com/opencontainers/go-digest"
)

// FileName is the lock's name beside the recipe.
const FileName = "selfsame.lock"

// Version is the format's name and version, the file's first line.
const Version = "selfsame-lock v1"

// Refused is the evidence of a line whose answer is our own refusal.
const Refused = "refused"

// Limits of a lock file: more is refused before it is parsed.
const (
	MaxBytes = 64 << 20
	MaxLines = 200_000
)

// Kind says how an input enters the build.
type Kind string

// The kinds of input.
const (
	KindImage    Kind = "image"    // an image by platform manifest or index digest; Key is the reference as written
	KindGit      Kind = "git"      // a commit; Key is URL#ref[:folder], Digest that of its files as an image, Evidence "commit:..."
	KindHTTP     Kind = "http"     // ADD of a URL; Key is the URL
	KindResponse Kind = "response" // an HTTP response that a step fetched; Key is the URL, Accept part of the key
	KindRelease  Kind = "release"  // a Debian suite's InRelease; Key is its URL
	KindIndex    Kind = "index"    // a Debian Packages index; Key is its URL
	KindDeb      Kind = "deb"      // a Debian package of a base; Key is its URL
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KindImage, KindGit, KindHTTP, KindResponse, KindRelease, KindIndex, KindDeb}
}

// Entry is one line. Fields that do not apply are empty (written as "-").
type Entry struct {
	Kind     Kind
	Platform string        // os/arch[/variant] that needs it; empty: all
	Step     string        // which step fetched it: "Dockerfile:12", "recipe.yaml:9", or a base's name
	Digest   digest.Digest // sha256 of the bytes in the store
	Size     int64         // bytes
	Status   int           // HTTP status of a response
	Headers  digest.Digest // blob holding the response headers kept, canonical text
	Key      string        // URL or reference
	Accept   string        // the request's Accept header, part of a response's key; "*/*" and none are both empty
	PURL     string        // package URL
	Evidence string        // what vouches for it: "InRelease:sha256:...", "gosum:...", "npm:sha512-..."
}

// Header binds the lock to what it locks.
type Header struct {
	Recipe       digest.Digest // canonical recipe
	Dockerfile   digest.Digest // bytes; empty for stages
	Dockerignore digest.Digest // bytes; empty when there is none
	Frontend     string        // the Dockerfile frontend and its version, "dockerfile.v0@v0.34.2"
}

// Lock is a parsed lock file. Entries are sorted and unique.
type Lock struct {
	Header  Header
	Entries []Entry
}

// Digest is the sha256 of the lock's text.
func (l *Lock) Digest() digest.Digest { return digest.FromBytes(l.Format()) }

// Step lists what one step fetched, sorted. A nil lock has no entries.
func (l *Lock) Step(platform, step string) []Entry {
	if l == nil {
		return nil
	}
	var out []Entry
	for _, e := range l.Entries {
		if e.Platform == platform && e.Step == step {
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].line() < out[j].line() })
	return out
}

// StepDigest covers all that a step's network can give it: the salt that makes fetched bytes part of BuildKit's cache key
// (DESIGN §11). What no step can see (package URLs, evidence, the step's own line number) is left out, so that a new
// comment line in a Dockerfile, or a better guess at a package's name, builds nothing anew. Empty for a step that fetched
// nothing.
func (l *Lock) StepDigest(platform, step string) digest.Digest {
	entries := l.Step(platform, step)
	if len(entries) == 0 {
		return ""
	}
	lines := make([]string, len(entries))
	for i, e := range entries {
		e.Platform, e.Step, e.PURL, e.Evidence = "", "", "", ""
		lines[i] = e.line()
	}
	return digest.FromBytes(joinLines(lines))
}

// Find gives the first entry of that kind and key for platform; an entry for all platforms counts too.
func (l *Lock) Find(kind Kind, platform, key string) (Entry, bool) {
	if l == nil {
		return Entry{}, false
	}
	for _, e := range l.Entries {
		if e.Kind == kind && e.Key == key && (e.Platform == platform || e.Platform == "") {
			return e, true
		}
	}
	return Entry{}, false
}

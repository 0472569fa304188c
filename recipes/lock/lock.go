// Package lock is selfsame.lock: every input of a recipe by digest, one a line (DESIGN §5, §11 "Files").
package lock

import digest "github.com/opencontainers/go-digest"

// FileName is the lock's name beside the recipe.
const FileName = "selfsame.lock"

// Kind says how an input enters the build.
type Kind string

// The kinds of input.
const (
	KindImage    Kind = "image"    // an image by platform manifest or index digest; Key is the reference as written
	KindGit      Kind = "git"      // a commit; Key is URL#ref, Digest the sealed bundle's, PURL names the commit
	KindHTTP     Kind = "http"     // ADD of a URL; Key is the URL
	KindResponse Kind = "response" // an HTTP response that a step fetched; Key is the URL, Accept the header's digest-free text
	KindRelease  Kind = "release"  // a Debian suite's InRelease; Key is its URL
	KindIndex    Kind = "index"    // a Debian Packages index; Key is its URL
	KindDeb      Kind = "deb"      // a Debian package of a base; Key is its URL
)

// Entry is one line. Fields that do not apply are empty (written as "-").
type Entry struct {
	Kind     Kind
	Platform string        // os/arch[/variant] that needs it
	Step     string        // which step fetched it: "Dockerfile:12", "recipe.yaml:9", or a base's name
	Digest   digest.Digest // sha256 of the bytes in the store
	Size     int64         // bytes
	Status   int           // HTTP status of a response
	Headers  digest.Digest // blob holding the response headers kept, canonical text
	Key      string        // URL or reference
	Accept   string        // the request's Accept header, part of a response's key
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

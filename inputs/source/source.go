// Package source turns a folder or a git commit into a one-layer OCI image whose digest depends on nothing but the files'
// names, bytes and executable bits: not on where the folder lies, when it was cloned, by whom, or with which umask.
//
// BuildKit calls a local build context incomplete by definition; as an image it is an input with a digest like any other,
// and it can be pushed with the seal (DESIGN §4.4).
package source

import (
	"context"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
)

// Git says whether the files are those that git tracks.
type Git string

// How to choose the files.
const (
	GitAuto   Git = ""       // tracked files if the folder is in a git work tree and git is installed, else all files
	GitNever  Git = "never"  // all files
	GitAlways Git = "always" // tracked files; no git or no work tree is an error
)

// Options says what to pack.
type Options struct {
	Dir     string    // the context's root
	Git     Git       // which files
	Epoch   time.Time // every file's time, whole seconds; required
	Ignore  []byte    // content of the ignore file, see ReadIgnore
	Exclude []string  // slash-separated paths below Dir left out with all below them: the lock, the output folder

	GitPath  string // the git binary ("": "git" in PATH)
	MaxFiles int    // 0: 1,000,000
	MaxBytes int64  // 0: 16 GiB, of the layer
}

// Context is a packed source.
type Context struct {
	Descriptor ocispec.Descriptor // the image's manifest in the store
	Layer      digest.Digest      // its only layer, an uncompressed tar
	Epoch      time.Time
	Files      int      // files and links
	Bytes      int64    // of file content
	Commit     string   // HEAD, full hex; empty without git
	Dirty      bool     // tracked files below Dir differ from Commit
	Untracked  []string // files that git neither tracks nor ignores, which were left out; at most 20 named
	Pointers   []string // git LFS pointers packed in place of their content; at most 20 named
	Submodules []string // submodules that are not checked out, so that their folders are empty; at most 20 named
}

// Pack puts the source into store as a one-layer image. Failures a user can mend are diagnostics.
func Pack(ctx context.Context, store *inputs.Store, o Options) (Context, error) {
	panic("not written yet")
}

// ReadIgnore finds the ignore file that Docker would use for dockerfile (slash-separated, below dir):
// <dockerfile>.dockerignore, else .dockerignore. No such file: empty name, nil.
func ReadIgnore(dir, dockerfile string) (name string, content []byte, err error) {
	panic("not written yet")
}

// Epoch is the committer time of HEAD for the work tree that dir lies in. Without git, a work tree or a commit it is a
// diagnostic that asks for a number. gitPath as in Options.
func Epoch(ctx context.Context, gitPath, dir string) (time.Time, error) { panic("not written yet") }

// Remote is a repository to fetch from.
type Remote struct {
	URL     string   // https, ssh, git or file
	Ref     string   // branch, tag or commit; empty: the remote's HEAD
	Env     []string // extra environment for git, such as SSH_AUTH_SOCK=...; nothing else is inherited
	Temp    string   // folder for the checkout; empty: the store's
	GitPath string
}

// Fetch resolves r.Ref to a commit, checks it out with its submodules into a temporary folder and packs that as o says
// (o.Dir is a folder below the repository's root; o.Epoch, if zero, is the commit's time). The checkout is removed.
func Fetch(ctx context.Context, store *inputs.Store, r Remote, o Options) (Context, error) {
	panic("not written yet")
}

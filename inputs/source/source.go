// Package source turns a folder or a git commit into a one-layer OCI image whose digest depends on nothing but the files'
// names, bytes and executable bits: not on where the folder lies, when it was cloned, by whom, or with which umask.
//
// BuildKit calls a local build context incomplete by definition; as an image it is an input with a digest like any other,
// and it can be pushed with the seal (DESIGN §4.4).
//
// In the layer every file is 0644 or 0755 (by the owner's executable bit), every folder 0755, everything belongs to 0:0,
// bears the epoch as its time and has no extended attributes; names are sorted by bytes. Links are kept as text and never
// followed. What git keeps for itself (.git) is left out, also where git is not asked.
package source

import (
	"context"
	"errors"
	"io"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Git says whether the files are those that git tracks.
type Git string

// How to choose the files.
const (
	GitAuto   Git = ""       // tracked files if the folder lies in a git work tree, else all files
	GitNever  Git = "never"  // all files
	GitAlways Git = "always" // tracked files; no work tree is an error
)

// Options says what to pack.
type Options struct {
	Dir     string    // the context's root
	Git     Git       // which files
	Epoch   time.Time // every file's time, in whole seconds; required
	Ignore  []byte    // content of the ignore file, see ReadIgnore
	Exclude []string  // slash-separated paths below Dir, left out with all below them: the lock, the output folder

	// Prepare, for Fetch, reads what the caller wants of the checkout's folder Dir before it is packed, and gives the ignore file's content.
	Prepare func(dir string) (ignore []byte, err error)

	GitPath  string // the git binary ("": "git" in PATH)
	MaxFiles int    // 0: 1,000,000
	MaxBytes int64  // 0: 16 GiB, of the layer

	opened func(path string) // tests change a file under the reader here
}

// Context is a packed source.
type Context struct {
	Descriptor ocispec.Descriptor // the image's manifest in the store
	Layer      digest.Digest      // its only layer, an uncompressed tar
	Epoch      time.Time
	Files      int      // files and links
	Bytes      int64    // of file content
	Commit     string   // HEAD, full hex; empty without git or commit
	Dirty      bool     // what was packed differs from Commit
	Untracked  []string // files or folders that git neither tracks nor ignores, so not packed; at most 20 named
	Pointers   []string // git LFS pointers packed in place of their content; at most 20 named
	Keys       []string // private signing keys, so not packed; at most 20 named
	Submodules []string // submodules that are not checked out, so that their folders are empty; at most 20 named
}

// maxNamed bounds the lists of a Context.
const maxNamed = 20

// attempts is how often packing starts anew when a file changes under it.
const attempts = 3

// errChanged is a file that was not the same before and after it was read.
var errChanged = errors.New("changed while it was read")

// Pack puts the source into store as a one-layer image. Failures that a user can mend are diagnostics.
func Pack(ctx context.Context, store *inputs.Store, o Options) (Context, error) {
	if o.Epoch.IsZero() {
		return Context{}, errors.New("packing the source: no epoch given")
	}
	o.Epoch = o.Epoch.UTC().Truncate(time.Second)
	if o.MaxFiles <= 0 {
		o.MaxFiles = 1_000_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 30
	}
	for try := 1; ; try++ {
		c, err := pack(ctx, store, o)
		switch {
		case err == nil || !errors.Is(err, errChanged):
			return c, err
		case try == attempts:
			return Context{}, diag.Errorf(diag.SourceChanged, "packing the source: %w", err).
				WithWhy("half-written bytes would be sealed").WithHelp("stop what writes there, or add it to .dockerignore")
		}
	}
}

// errStopped ends the packing when the store has failed, whose error is the one that counts.
var errStopped = errors.New("the store stopped reading")

// pack is one attempt.
func pack(ctx context.Context, store *inputs.Store, o Options) (Context, error) {
	c := Context{Epoch: o.Epoch}
	tree, err := list(ctx, o, &c)
	if err != nil {
		return Context{}, err
	}
	defer tree.root.Close()
	if err := collisions(tree.paths); err != nil {
		return Context{}, err
	}
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := tree.write(w, o, &c)
		_ = w.CloseWithError(err) // nil is io.EOF
		written <- err
	}()
	blob, err := store.Put(ctx, r, o.MaxBytes)
	_ = r.CloseWithError(errStopped)
	if werr := <-written; err != nil {
		if errors.Is(err, inputs.ErrTooLarge) {
			return Context{}, diag.Errorf(diag.SourceTooLarge, "the source is larger than %d bytes", o.MaxBytes).
				WithHelp("add folders that the build does not need to .dockerignore")
		}
		if !errors.Is(werr, errStopped) && len(diag.All(werr)) > 0 || errors.Is(werr, errChanged) {
			err = werr
		}
		return Context{}, err
	}
	c.Layer = blob.Digest
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: blob.Digest, Size: blob.Size}
	c.Descriptor, err = store.PutImage(ctx, config(o.Epoch, blob.Digest), []ocispec.Descriptor{layer}, nil)
	return c, err
}

// config is the image's; its platform says nothing, since nothing in it runs, but readers want one.
func config(epoch time.Time, layer digest.Digest) ocispec.Image {
	return ocispec.Image{
		Created:  &epoch,
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer}},
	}
}

// note adds a name to a list of a Context that is kept short.
func note(list *[]string, name string) {
	if len(*list) < maxNamed {
		*list = append(*list, name)
	}
}

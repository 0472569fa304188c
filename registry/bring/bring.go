// Package bring makes an image readable as an OCI image layout, wherever it lies: in a layout's folder, in a tar (a layout, or what
// `docker save` writes), or in a registry.
//
// A folder is read where it is. Of the others, manifests and configs are brought into a folder of the caller's first (Open); of the layers
// only those that somebody needs (Fetch), each verified on its way. What is left where it is goes by its digest: in a registry, whoever
// would fetch it would have to get bytes of that digest or nothing; in a tar it is read and verified, and not kept.
package bring

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
)

const codeNoImage diag.Code = "A0407"

// Options says how to bring an image.
type Options struct {
	Client *registry.Client
	// Dir is an empty folder for what is brought. It is the caller's to remove.
	Dir string
	// Platforms, as in "linux/amd64", are all that is brought of an index; none: all.
	Platforms []string
	// OnRead, when set, is told of bytes that came, by several goroutines at once.
	OnRead func(bytes int)
}

// Image is an image that can be read as a layout.
type Image struct {
	Name    string        // as it was asked for
	Layout  string        // the folder
	Root    digest.Digest // what of the layout is meant; empty: all that its index.json lists
	Brought bool          // the folder is the caller's, and holds what was fetched

	from   content
	to     *layout.Layout
	onRead func(int)
	layers map[digest.Digest]artifact.Descriptor
}

// content is where an image is brought from.
type content interface {
	// roots are what index.json lists.
	roots() []artifact.Descriptor
	// manifest and config read verified bytes.
	manifest(ctx context.Context, d artifact.Descriptor) ([]byte, error)
	config(ctx context.Context, d artifact.Descriptor) ([]byte, error)
	// layer stores a verified blob.
	layer(ctx context.Context, d artifact.Descriptor, to registry.Sink) error
	// check reads a blob that is not stored, unless its digest alone is enough.
	check(ctx context.Context, d artifact.Descriptor, onRead func(int)) error
	io.Closer
}

// Open finds the image that name means: a folder, a file, or else a reference; the first two with @sha256:... to pick one image of several.
// A0407: there is no image; A0403: it cannot be read; for a registry its own diagnostics.
func Open(ctx context.Context, name string, o Options) (*Image, error) {
	path, root := split(name)
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		if _, err := os.Stat(filepath.Join(path, "index.json")); err != nil {
			_, err = layout.Open(path)
			return nil, err
		}
		return &Image{Name: name, Layout: path, Root: root}, nil
	case err == nil && st.Mode().IsRegular():
		from, err := openArchive(ctx, path, o.Dir)
		if err != nil {
			return nil, err
		}
		return gather(ctx, &Image{Name: name, Root: root, from: from, onRead: o.OnRead}, o)
	case err == nil:
		return nil, diag.Errorf(codeNoImage, "`%s` is neither a folder nor a file", name).WithHelp(help)
	case looksLikePath(name):
		return nil, diag.Errorf(codeNoImage, "there is nothing at `%s`", path).WithHelp(help)
	}
	from, err := openRemote(ctx, name, o.Client)
	if err != nil {
		return nil, err
	}
	return gather(ctx, &Image{Name: name, from: from, onRead: o.OnRead}, o)
}

const help = "give a layout's folder, an image's tar, or a reference as in registry.example.com/team/shop:1.2.3"

// split takes the digest off a path that is there.
func split(name string) (path string, root digest.Digest) {
	if _, err := os.Stat(name); err == nil {
		return name, ""
	}
	if path, hex, ok := strings.Cut(name, "@sha256:"); ok {
		d := digest.Digest("sha256:" + hex)
		if _, err := os.Stat(path); err == nil && artifact.CheckDigest(d) == nil {
			return path, d
		}
	}
	return name, ""
}

// looksLikePath says of a name under which there is no file that it was still meant as one.
func looksLikePath(name string) bool {
	return strings.HasPrefix(name, "/") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tar") || strings.HasSuffix(name, ".tar.gz")
}

// Close gives back what the image holds open; the folder stays.
func (i *Image) Close() error {
	if i.from == nil {
		return nil
	}
	return i.from.Close()
}

// Package sbom lists what is inside an image as an SPDX 2.3 document.
//
// The list is made from the image's own layers, as they come out when one is laid over the other (whiteouts applied): the
// databases of dpkg and apk, the build information inside Go binaries, the package.json of installed npm packages and the
// metadata of installed Python distributions. Where the lock names a package that was found, the document says which
// locked bytes it came from; packages of the lock that are not in the image are listed as build dependencies.
//
// The same image, lock and epoch give the same bytes. The image is made by build steps, which are not trusted: every count,
// size and name is bounded, and what could not be read is named in the document instead of left out in silence.
package sbom

import (
	"context"
	"fmt"
	"io"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// codeSBOM is the diagnostic of an image that cannot be listed; internal/diag/codes_verify.go has its page.
const codeSBOM diag.Code = "A0535"

// Reader reads an image; *layout.Layout is one. Its blobs fail at EOF when they do not have their digest.
type Reader interface {
	Manifest(ctx context.Context, d digest.Digest) (ocispec.Descriptor, []byte, error)
	OpenBlob(d digest.Digest) (io.ReadCloser, int64, error)
}

// Options says what to list and how.
type Options struct {
	// Manifest is the platform manifest (not the index) to list.
	Manifest digest.Digest
	// Name is the repository without tag; Platform is os/arch[/variant].
	Name, Platform string
	// Epoch is the time that the document bears, in seconds since 1970-01-01 UTC.
	Epoch int64
	// Tool names the program that made the document, as "selfsame-v0.1.0".
	Tool string
	// Lock holds the locked inputs; those of another platform are ignored.
	Lock []lock.Entry
	// Scratch is a folder for temporary copies of binaries too large for memory. It must be given.
	Scratch string
	// Memory remembers what is in layers from one image to the next.
	Memory Memory
	// Limits bound the work; the zero value has sensible bounds.
	Limits Limits
}

// Limits bound what an image can cost. Zero means the default.
type Limits struct {
	Layers   int   // 0: 256
	Entries  int   // of all layers together; 0: 5,000,000
	Bytes    int64 // unpacked, of all layers together; 0: 64 GiB
	Database int64 // bytes of one package database or metadata file; 0: 64 MiB
	Binary   int64 // bytes of one binary that is examined; 0: 1 GiB
	Packages int   // 0: 100,000
	Document int   // bytes of the document; 0: 12 MiB, which fits a signed statement
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.Layers, 256}, {&l.Entries, 5_000_000}, {&l.Packages, 100_000}, {&l.Document, 12 << 20}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	for _, f := range []struct {
		field *int64
		value int64
	}{{&l.Bytes, 64 << 30}, {&l.Database, 64 << 20}, {&l.Binary, 1 << 30}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// FromImage lists the image o.Manifest and returns the document as JSON. An image that is larger than the limits is A0535:
// half a list would pass for a whole one.
func FromImage(ctx context.Context, image Reader, o Options) ([]byte, error) {
	o.Limits = o.Limits.withDefaults()
	if o.Scratch == "" {
		return nil, fmt.Errorf("listing image %s: no scratch folder given", o.Manifest)
	}
	content, err := unpack(ctx, image, o)
	if err == nil {
		var doc []byte
		if doc, err = newDocument(o, content).encode(o.Limits.Document); err == nil {
			return doc, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, diag.Errorf(codeSBOM, "listing what is in image %s: %w", o.Manifest, err).
		WithHelp("selfsame explain A0535")
}

// created is the document's time in the form that SPDX wants.
func (o Options) created() string { return time.Unix(o.Epoch, 0).UTC().Format(time.RFC3339) }

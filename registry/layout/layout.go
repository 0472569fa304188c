package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

const (
	codeMismatch  diag.Code = "A0512"
	codeMalformed diag.Code = "A0517"
	codeNoLayout  diag.Code = "A0518"
)

// maxIndex bounds index.json in bytes.
const maxIndex = 16 << 20

// Layout is an OCI image layout. It is safe for concurrent use, by other processes too.
type Layout struct{ dir string }

var _ artifact.Store = (*Layout)(nil)

// Open opens the layout in dir. A folder that is none is the diagnostic A0518.
func Open(dir string) (*Layout, error) {
	l := &Layout{dir: dir}
	raw, err := readFile(filepath.Join(dir, v1.ImageLayoutFile), 4<<10)
	if err != nil {
		help := "give a folder that has a file `oci-layout`, such as `selfsame build --out DIR` makes"
		if inner := filepath.Join(dir, "image"); exists(filepath.Join(inner, v1.ImageLayoutFile)) { // where a build's results are
			help = "the image is in `" + inner + "`"
		}
		return nil, diag.Errorf(codeNoLayout, "opening the image layout `%s`: %w", dir, err).WithHelp(help)
	}
	var file v1.ImageLayout
	if err := strictjson.Unmarshal(raw, &file, strictjson.Limits{AllowUnknown: true}); err != nil {
		return nil, diag.Errorf(codeNoLayout, "opening the image layout `%s`: %w", dir, err)
	}
	if file.Version != v1.ImageLayoutVersion {
		return nil, diag.Errorf(codeNoLayout, "opening the image layout `%s`: version %.20q, want %q", dir, file.Version, v1.ImageLayoutVersion)
	}
	if _, err := l.Index(); err != nil {
		return nil, err
	}
	return l, nil
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// Create makes an empty layout in dir, or opens the one that is there. Missing parents are made.
func Create(dir string) (*Layout, error) {
	if _, err := os.Stat(filepath.Join(dir, v1.ImageLayoutFile)); err == nil {
		return Open(dir)
	}
	l := &Layout{dir: dir}
	if err := os.MkdirAll(filepath.Join(dir, v1.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return nil, fmt.Errorf("making an image layout: %w", err)
	}
	if err := l.writeIndex(v1.Index{}); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	if err != nil {
		return nil, err
	}
	if err := l.replace(v1.ImageLayoutFile, raw); err != nil {
		return nil, fmt.Errorf("making an image layout: %w", err)
	}
	return l, nil
}

// Name is the folder.
func (l *Layout) Name() string { return l.dir }

// Index reads index.json.
func (l *Layout) Index() (v1.Index, error) {
	raw, err := readFile(filepath.Join(l.dir, v1.ImageIndexFile), maxIndex)
	if err != nil {
		return v1.Index{}, diag.Errorf(codeNoLayout, "reading the index of `%s`: %w", l.dir, err)
	}
	var index v1.Index
	if err := strictjson.Unmarshal(raw, &index, strictjson.Limits{MaxBytes: maxIndex, AllowUnknown: true}); err != nil {
		return v1.Index{}, diag.Errorf(codeMalformed, "reading the index of `%s`: %w", l.dir, err)
	}
	for _, d := range index.Manifests {
		if err := artifact.CheckDescriptor(d); err != nil {
			return v1.Index{}, diag.Errorf(codeMalformed, "reading the index of `%s`: %w", l.dir, err)
		}
	}
	return index, nil
}

// Root is the one image of the layout: the entry of index.json that speaks about no other. None or several is A0518.
func (l *Layout) Root(ctx context.Context) (artifact.Descriptor, error) {
	index, err := l.Index()
	if err != nil {
		return artifact.Descriptor{}, err
	}
	var roots []artifact.Descriptor
	for _, d := range index.Manifests {
		_, raw, err := l.manifest(ctx, d)
		if err != nil {
			return artifact.Descriptor{}, err
		}
		p, err := artifact.Parse(d.MediaType, raw)
		if err != nil {
			return artifact.Descriptor{}, diag.Errorf(codeMalformed, "reading %s of `%s`: %w", d.Digest, l.dir, err)
		}
		if p.Subject() == nil {
			roots = append(roots, d)
		}
	}
	if len(roots) != 1 {
		return artifact.Descriptor{}, diag.Errorf(codeNoLayout, "`%s` holds %d images, want 1", l.dir, len(roots)).
			WithHelp("name the image by its digest")
	}
	return roots[0], nil
}

// Manifest reads the manifest or index d. Its media type is what it says itself; where it says nothing, it is told by shape.
func (l *Layout) Manifest(ctx context.Context, d digest.Digest) (artifact.Descriptor, []byte, error) {
	return l.manifest(ctx, artifact.Descriptor{Digest: d, Size: -1})
}

func (l *Layout) manifest(ctx context.Context, d artifact.Descriptor) (artifact.Descriptor, []byte, error) {
	if err := ctx.Err(); err != nil {
		return d, nil, context.Cause(ctx)
	}
	f, size, err := l.OpenBlob(d.Digest)
	if err != nil {
		return d, nil, err
	}
	defer f.Close()
	if size > artifact.MaxManifest || (d.Size >= 0 && d.Size != size) {
		return d, nil, diag.Errorf(codeMismatch, "reading manifest %s of `%s`: %d bytes", d.Digest, l.dir, size)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return d, nil, err
	}
	d.Size = size
	if d.MediaType == "" {
		d.MediaType = mediaType(raw)
	}
	return d, raw, nil
}

func mediaType(raw []byte) string {
	var shape struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if strictjson.Unmarshal(raw, &shape, strictjson.Limits{AllowUnknown: true}) != nil {
		return ""
	}
	switch {
	case shape.MediaType != "":
		return shape.MediaType
	case shape.Manifests != nil:
		return v1.MediaTypeImageIndex
	}
	return v1.MediaTypeImageManifest
}

// Blob reads a blob of at most limit bytes.
func (l *Layout) Blob(ctx context.Context, blob artifact.Descriptor, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if raw, there := artifact.Inline(blob, limit); there {
		return raw, nil
	}
	f, size, err := l.OpenBlob(blob.Digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size != blob.Size || size > limit {
		return nil, diag.Errorf(codeMismatch, "reading blob %s of `%s`: %d bytes, want %d, at most %d", blob.Digest, l.dir, size, blob.Size, limit)
	}
	return io.ReadAll(f)
}

// OpenBlob opens a blob and gives its size in bytes. Reading to the end fails with A0512 when the bytes do not hash to d. A
// blob that is not there is fs.ErrNotExist in the error's chain.
func (l *Layout) OpenBlob(d digest.Digest) (io.ReadCloser, int64, error) {
	if err := artifact.CheckDigest(d); err != nil {
		return nil, 0, diag.Errorf(codeMalformed, "opening a blob of `%s`: %w", l.dir, err)
	}
	f, err := os.Open(l.path(d))
	if err != nil {
		return nil, 0, diag.Errorf(codeMismatch, "opening a blob of `%s`: %w", l.dir, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("opening a blob of `%s`: %w", l.dir, err)
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, 0, diag.Errorf(codeMismatch, "opening a blob of `%s`: %s is no regular file", l.dir, d)
	}
	want := artifact.Descriptor{Digest: d, Size: info.Size()}
	return &blobFile{Closer: f, r: artifact.Verified(f, want)}, info.Size(), nil
}

// Has says whether a blob is there, without reading it.
func (l *Layout) Has(d digest.Digest) bool {
	if artifact.CheckDigest(d) != nil {
		return false
	}
	_, err := os.Stat(l.path(d))
	return err == nil
}

func (l *Layout) path(d digest.Digest) string {
	return filepath.Join(l.dir, v1.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// blobFile turns a mismatch into the diagnostic that users read.
type blobFile struct {
	io.Closer
	r io.Reader
}

// Read implements io.Reader.
func (b *blobFile) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var mismatch *artifact.MismatchError
	if errors.As(err, &mismatch) {
		err = diag.Errorf(codeMismatch, "reading the image layout: %w", err)
	}
	return n, err
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("`%s` has more than %d bytes: %w", path, limit, fs.ErrInvalid)
	}
	return raw, err
}

func emptyIndex(index v1.Index) v1.Index {
	index.Versioned = specs.Versioned{SchemaVersion: 2}
	index.MediaType = v1.MediaTypeImageIndex
	if index.Manifests == nil {
		index.Manifests = []artifact.Descriptor{}
	}
	return index
}

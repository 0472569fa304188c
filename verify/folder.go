package verify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// The bounds of a folder.
const (
	maxFolderFiles = 10_000
	maxFolderBytes = 1 << 30
)

// Folder is a folder of bundle files, as an artifact.Source: what `cosign download attestation`, `gh attestation download` and
// people with a USB stick have. A .json file holds one bundle, a .jsonl file one on each line; other files may be manifests and
// indexes, found by their digest. Folders in it and older formats are listed as ignored; a .json that is no JSON makes it incomplete. Nothing is in memory but names: every file is read again when it is asked for, and hashed.
//
// A bundle is offered for the digests that its payload names. That is read before any signature is checked, and only says
// for which image it is worth looking at: the signature covers these very bytes, and what it is about is checked again.
type Folder struct {
	dir    string
	images artifact.Source // where manifests are that are not in the folder; nil: nowhere
	blobs  map[digest.Digest]place
	about  map[digest.Digest][]artifact.Referrer
	// rejected are what may be evidence and is not read: folders in it, files of another or no format. broken names a .json file that is no
	// JSON: it could be anything.
	rejected []artifact.Rejected
	broken   string
	stray    []artifact.Referrer // bundles that say nothing of what they are about: offered for every image
}

// place is a range of a file.
type place struct {
	file     string
	from, to int64
}

var _ artifact.Source = (*Folder)(nil)

// OpenFolder looks through dir. images gives the manifests that are not in it, and may be nil. A folder that cannot be read, or has
// more than 10,000 files or 1 GiB, is A0534.
func OpenFolder(dir string, images artifact.Source) (*Folder, error) {
	f := &Folder{dir: dir, images: images, blobs: map[digest.Digest]place{}, about: map[digest.Digest][]artifact.Referrer{}}
	if err := f.scan(); err != nil {
		return nil, diag.Errorf(codeUndecided, "reading the folder of bundles `%s`: %w", dir, err).
			WithWhy("evidence that was not read could speak against the image").WithHelp("give a folder that holds bundles and nothing else")
	}
	return f, nil
}

func (f *Folder) scan() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	if len(entries) > maxFolderFiles {
		return fmt.Errorf("%d files, the limit is %d", len(entries), maxFolderFiles)
	}
	total := int64(0)
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(f.dir, e.Name()))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			f.reject(e.Name(), "", "no file: folders in a folder of bundles are not read")
			continue
		}
		if total += info.Size(); total > maxFolderBytes {
			return fmt.Errorf("more than %d bytes", int64(maxFolderBytes))
		}
		if strings.HasSuffix(e.Name(), ".json") && info.Size() > signing.MaxBundle {
			return fmt.Errorf("%s has %d bytes, the limit of a bundle is %d", e.Name(), info.Size(), signing.MaxBundle)
		}
		if err := f.file(e.Name()); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	for _, list := range f.about {
		sort.Slice(list, func(i, j int) bool { return list[i].Descriptor.Digest < list[j].Descriptor.Digest })
	}
	return nil
}

// file notes what one file holds.
func (f *Folder) file(name string) error {
	raw, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return err
	}
	if !strings.HasSuffix(name, ".jsonl") {
		f.note(place{name, 0, int64(len(raw))}, raw)
		return nil
	}
	lines := bufio.NewReader(bytes.NewReader(raw))
	for at := int64(0); ; {
		line, err := lines.ReadBytes('\n')
		if text := bytes.TrimSpace(line); len(text) > 0 {
			lead := int64(bytes.Index(line, text))
			f.note(place{name, at + lead, at + lead + int64(len(text))}, text)
		}
		at += int64(len(line))
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// note keeps where raw is, and what it is about if it is a bundle.
func (f *Folder) note(at place, raw []byte) {
	d := digest.FromBytes(raw)
	if _, again := f.blobs[d]; again {
		return
	}
	f.blobs[d] = at
	s, isBundle, err := peek(raw)
	if !isBundle {
		f.other(at.file, d, raw)
		return
	}
	desc := artifact.Descriptor{MediaType: signing.BundleMediaType, Digest: d, Size: int64(len(raw))}
	r := artifact.Referrer{Descriptor: desc, ArtifactType: signing.BundleMediaType, Layers: []artifact.Descriptor{desc}, Annotations: map[string]string{}}
	if err != nil {
		f.stray = append(f.stray, r)
		return
	}
	r.Annotations[artifact.AnnotationBundlePredicateType] = s.PredicateType
	for _, subject := range s.Subject {
		d := subject.SHA256()
		r.Subject.Digest = d
		f.about[d] = append(f.about[d], r)
	}
}

// other judges what is no bundle: a manifest or index may lie there as well, and anything that is not called .json.
func (f *Folder) other(file string, d digest.Digest, raw []byte) {
	if !strings.HasSuffix(file, ".json") && !strings.HasSuffix(file, ".jsonl") {
		return
	}
	var shape struct {
		MediaType     string `json:"mediaType"`
		SchemaVersion int    `json:"schemaVersion"`
	}
	switch err := json.Unmarshal(raw, &shape); {
	case !json.Valid(raw):
		f.broken = file
		f.reject(file, d, "no JSON")
	case err != nil || shape.SchemaVersion == 0:
		f.reject(file, d, fmt.Sprintf("no bundle of the format %s, but %q", signing.BundleMediaType, shape.MediaType))
	}
}

func (f *Folder) reject(file string, d digest.Digest, why string) {
	f.rejected = append(f.rejected, artifact.Rejected{Descriptor: artifact.Descriptor{Digest: d}, Reason: clip(file + ": " + why)})
}

// Name is the folder.
func (f *Folder) Name() string { return f.dir }

// Has says whether a file of the folder has this digest.
func (f *Folder) Has(d digest.Digest) bool {
	_, ok := f.blobs[d]
	return ok
}

// With is the folder with another source of manifests.
func (f *Folder) With(images artifact.Source) *Folder {
	g := *f
	g.images = images
	return &g
}

// Manifest reads a manifest from a file of the folder, else from where the images are.
func (f *Folder) Manifest(ctx context.Context, d digest.Digest) (artifact.Descriptor, []byte, error) {
	if f.Has(d) {
		raw, err := f.bytes(d, artifact.MaxManifest)
		if err != nil {
			return artifact.Descriptor{}, nil, err
		}
		var shape struct {
			MediaType string `json:"mediaType"`
		}
		if err := strictjson.Unmarshal(raw, &shape, strictjson.Limits{MaxBytes: artifact.MaxManifest, AllowUnknown: true}); err != nil {
			return artifact.Descriptor{}, nil, fmt.Errorf("reading manifest %s: %w", d, err)
		}
		return artifact.Descriptor{MediaType: shape.MediaType, Digest: d, Size: int64(len(raw))}, raw, nil
	}
	if f.images != nil {
		return f.images.Manifest(ctx, d)
	}
	return artifact.Descriptor{}, nil, fmt.Errorf("manifest %s is not in the folder `%s`: %w", d, f.dir, fs.ErrNotExist)
}

// Blob reads a bundle.
func (f *Folder) Blob(_ context.Context, blob artifact.Descriptor, limit int64) ([]byte, error) {
	return f.bytes(blob.Digest, limit)
}

// Referrers lists the bundles about d.
func (f *Folder) Referrers(_ context.Context, d digest.Digest, b artifact.Budget) (artifact.Listing, error) {
	l := artifact.Listing{Rejected: f.rejected}
	l.Referrers = append(l.Referrers, f.about[d]...)
	for _, r := range f.stray {
		r.Subject.Digest = d
		l.Referrers = append(l.Referrers, r)
	}
	if limit := b.WithDefaults().Referrers; len(l.Referrers) > limit {
		return l, &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d bundles", limit)}
	}
	if f.broken != "" {
		return l, &artifact.IncompleteError{Subject: d, Bound: "can be read: " + clip(f.broken) + " is no JSON"}
	}
	return l, nil
}

func (f *Folder) bytes(d digest.Digest, limit int64) ([]byte, error) {
	p, ok := f.blobs[d]
	if !ok {
		return nil, fmt.Errorf("%s is not in the folder `%s`: %w", d, f.dir, fs.ErrNotExist)
	}
	file, err := os.Open(filepath.Join(f.dir, p.file))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return artifact.ReadVerified(io.NewSectionReader(file, p.from, p.to-p.from), artifact.Descriptor{Digest: d, Size: p.to - p.from}, limit)
}

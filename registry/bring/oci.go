package bring

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// archived is an image in a tar.
type archived struct {
	*archive
	list []artifact.Descriptor
	// made are manifests that stand for what the tar says in another form, and places where blobs stand that are not named by their digest.
	made   map[digest.Digest][]byte
	places map[digest.Digest]span
}

// openOCI reads an OCI layout in a tar.
func openOCI(a *archive) (content, error) {
	raw, err := a.small("index.json", maxSmall)
	if err != nil {
		return nil, err
	}
	var index v1.Index
	if err := strictjson.Unmarshal(raw, &index, strictjson.Limits{MaxBytes: maxSmall, AllowUnknown: true}); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	for _, d := range index.Manifests {
		if err := artifact.CheckDescriptor(d); err != nil {
			return nil, fmt.Errorf("index.json: %w", err)
		}
	}
	return &archived{archive: a, list: index.Manifests}, nil
}

func (a *archived) roots() []artifact.Descriptor { return a.list }

func (a *archived) manifest(_ context.Context, d artifact.Descriptor) ([]byte, error) {
	if raw, ok := a.made[d.Digest]; ok {
		return raw, nil
	}
	return a.verified(d, artifact.MaxManifest)
}

func (a *archived) config(_ context.Context, d artifact.Descriptor) ([]byte, error) {
	return a.verified(d, maxConfig)
}

func (a *archived) verified(d artifact.Descriptor, limit int64) ([]byte, error) {
	if err := artifact.CheckDescriptor(d); err != nil {
		return nil, err
	}
	s, err := a.blob(d)
	if err != nil {
		return nil, err
	}
	return artifact.ReadVerified(a.at(s), d, limit)
}

// blob is where a blob stands.
func (a *archived) blob(d artifact.Descriptor) (span, error) {
	if s, ok := a.places[d.Digest]; ok {
		return s, nil
	}
	return a.find("blobs/sha256/" + d.Digest.Encoded())
}

func (a *archived) layer(ctx context.Context, d artifact.Descriptor, to registry.Sink) error {
	s, err := a.blob(d)
	if err != nil {
		return err
	}
	return registry.PutVerified(ctx, to, d, func() (io.ReadCloser, error) { return io.NopCloser(a.at(s)), nil })
}

func (a *archived) check(ctx context.Context, d artifact.Descriptor, onRead func(int)) error {
	s, err := a.blob(d)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, artifact.Verified(counted{ctx, a.at(s), onRead}, d))
	return err
}

// Close implements content.
func (a *archived) Close() error { return a.file.Close() }

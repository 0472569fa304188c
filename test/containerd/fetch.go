package containerd

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Fetch reads an image that somebody else made: what a tag or digest of a registry's repository (HOST:PORT, plain HTTP, no login) leads to,
// an index of one image.
func Fetch(ctx context.Context, host, repository, reference string) (*Image, error) {
	i := &Image{blobs: map[digest.Digest][]byte{}, media: map[digest.Digest]string{}}
	get := func(kind, reference, mediaType string) (v1.Descriptor, []byte, error) {
		raw, err := Get(ctx, "http://"+host+"/v2/"+repository+"/"+kind+"/"+reference, mediaType)
		return i.add(mediaType, raw), raw, err
	}
	var index v1.Index
	var manifest v1.Manifest
	top, raw, err := get("manifests", reference, v1.MediaTypeImageIndex)
	if err != nil || json.Unmarshal(raw, &index) != nil || len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%s is no index of one image (%w)", reference, err)
	}
	one := index.Manifests[0]
	if _, raw, err = get("manifests", one.Digest.String(), one.MediaType); err == nil {
		err = json.Unmarshal(raw, &manifest)
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		if err == nil {
			_, _, err = get("blobs", d.Digest.String(), d.MediaType)
		}
	}
	i.index, i.Index, i.Manifest, i.Config = top, top.Digest, one.Digest, manifest.Config.Digest
	i.media[i.Index], i.media[i.Manifest] = top.MediaType, one.MediaType
	return i, err
}

// Get reads a manifest, blob or list of a registry.
func Get(ctx context.Context, address, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", address, res.Status)
	}
	return raw, err
}

// Changed is the image with the first byte of a file's content changed by one bit, and with digests that are right for that.
func (i *Image) Changed(file string) (*Image, error) {
	var manifest v1.Manifest
	if err := json.Unmarshal(i.blobs[i.Manifest], &manifest); err != nil {
		return nil, err
	}
	for n, layer := range manifest.Layers {
		content, err := plain(layer.MediaType, i.blobs[layer.Digest])
		if err != nil {
			return nil, err
		}
		was := digest.FromBytes(content)
		at, err := offset(content, file)
		if err != nil {
			continue // it is in another layer
		}
		content[at] ^= 1
		other := &Image{blobs: map[digest.Digest][]byte{}, media: map[digest.Digest]string{}}
		for _, same := range slices.Delete(slices.Clone(manifest.Layers), n, n+1) {
			other.add(same.MediaType, i.blobs[same.Digest])
		}
		manifest.Layers[n] = other.add(v1.MediaTypeImageLayer, content)
		config := bytes.ReplaceAll(i.blobs[i.Config], []byte(was), []byte(manifest.Layers[n].Digest)) // its diff_id
		manifest.Config = other.add(manifest.Config.MediaType, config)
		return other.seal(i, manifest)
	}
	return nil, errors.New("no layer has " + file)
}

// seal adds manifest and index to an image that was made from another one.
func (i *Image) seal(from *Image, manifest v1.Manifest) (*Image, error) {
	var index v1.Index
	if err := json.Unmarshal(from.blobs[from.Index], &index); err != nil {
		return nil, err
	}
	d := i.json(manifest.MediaType, manifest)
	d.Platform = index.Manifests[0].Platform
	index.Manifests[0] = d
	i.index = i.json(index.MediaType, index)
	i.Index, i.Manifest, i.Config = i.index.Digest, d.Digest, manifest.Config.Digest
	i.media[i.Index], i.media[i.Manifest] = i.index.MediaType, d.MediaType
	return i, nil
}

// plain is a layer as a tar.
func plain(mediaType string, raw []byte) ([]byte, error) {
	switch mediaType {
	case v1.MediaTypeImageLayer:
		return bytes.Clone(raw), nil
	case v1.MediaTypeImageLayerZstd:
		r, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return r.DecodeAll(raw, nil)
	}
	return nil, errors.New("a layer of the type " + mediaType)
}

// offset is where a file's content begins in a tar.
func offset(content []byte, file string) (int, error) {
	under := bytes.NewReader(content)
	for r := tar.NewReader(under); ; {
		h, err := r.Next()
		if err != nil {
			return 0, err
		}
		if path.Clean("/"+h.Name) == file && h.Size > 0 {
			return len(content) - under.Len(), nil // what it reads is whole blocks, up to the content
		}
	}
}

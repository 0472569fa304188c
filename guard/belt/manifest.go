package belt

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// The bounds of what is looked at for one container. What has more is refused: somebody may object to just what was left out.
const (
	maxDigests   = 64  // manifests and indexes of one image; all of them are asked about
	maxPlatforms = 128 // images of an index
	maxNames     = 16  // of an image volume
	maxVolumes   = 32  // images that a container mounts
)

// bytesOf gives the bytes with a digest. Those of another one are an error.
type bytesOf func(digest string) ([]byte, error)

type descriptor struct {
	Digest string `json:"digest"`
}

// leads says whether a digest is an image's manifest whose configuration is config, or an index that has such a one, by the bytes
// themselves. The evidence is about that digest, the container was made from that configuration: no name or note stands between them.
//
// configs are the configurations of the manifests that indexes named before: many may name one, and it is read once.
func leads(get bytesOf, from, config string, configs map[string]string) (index bool, err error) {
	m, err := readManifest(get, from)
	if err != nil {
		return false, err
	}
	if m.Config.Digest == config {
		return false, nil
	}
	if len(m.Manifests) > maxPlatforms {
		return false, fmt.Errorf("%w: the index %s has %d images, and %d are looked at", errTooMany, from, len(m.Manifests), maxPlatforms)
	}
	for _, d := range m.Manifests {
		below, known := configs[d.Digest]
		if !known {
			m, err := readManifest(get, d.Digest)
			if err == nil {
				below = m.Config.Digest
			}
			configs[d.Digest] = below
		}
		if below != "" && below == config {
			return true, nil
		}
	}
	return false, fmt.Errorf("%s leads to another image", from)
}

type manifest struct {
	Config    descriptor   `json:"config"`
	Manifests []descriptor `json:"manifests"`
}

func readManifest(get bytesOf, d string) (m manifest, err error) {
	if !wire.IsDigest(d) {
		return m, fmt.Errorf("%.80q is no digest", d)
	}
	raw, err := get(d)
	if err == nil {
		err = strictjson.Unmarshal(raw, &m, strictjson.Limits{MaxBytes: maxDocument, AllowUnknown: true})
	}
	if err == nil && m.Config.Digest != "" && m.Manifests != nil { // it would be read as either (CVE-2021-41190)
		err = fmt.Errorf("%s is a manifest and an index at once", d)
	}
	return m, err
}

// errTooMany: there is more than is looked at.
var errTooMany = errors.New("too many")

// leading are those of some digests that lead to config, indexes first: signers sign what a tag leads to. why is what was wrong with the last
// of the others. Of too many there is none: the one that is left out could be the one that was taken back.
func leading(get bytesOf, digests []string, config string) (out []string, why error) {
	if len(digests) > maxDigests {
		return nil, fmt.Errorf("%w: the image was pulled by %d digests, and at most %d are asked about", errTooMany, len(digests), maxDigests)
	}
	var manifests []string
	configs := map[string]string{}
	for _, d := range digests {
		switch index, err := leads(get, d, config, configs); {
		case errors.Is(err, errTooMany):
			return nil, err
		case err != nil:
			why = err
		case index:
			out = append(out, d)
		default:
			manifests = append(manifests, d)
		}
	}
	return slices.Concat(out, manifests), why
}

// layersOf are the digests of a configuration's layers, uncompressed, lowest first.
func layersOf(config []byte) ([]digest.Digest, error) {
	var c struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := strictjson.Unmarshal(config, &c, strictjson.Limits{MaxBytes: maxDocument, AllowUnknown: true}); err != nil {
		return nil, fmt.Errorf("the image's configuration: %w", err)
	}
	if len(c.RootFS.DiffIDs) == 0 {
		return nil, errors.New("the image has no layer")
	}
	return c.RootFS.DiffIDs, nil
}

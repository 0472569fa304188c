package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/secrets"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// maxSearched bounds how much of one response is searched, in bytes. Secrets are in small answers; large ones are packages.
const maxSearched = 16 << 20

// checkSeal refuses to seal what looks like a secret (DESIGN §11 "The seal can leak"): in the source and its commits, in the addresses of the lock,
// in what was answered, bodies and headers. Base images and packages are not searched: others have published them. It comes before the
// build, so that nobody waits for a build to hear of it.
func (h *Host) checkSeal(ctx context.Context, p *project, l *lock.Lock) error {
	var found []secrets.Found
	images := []digest.Digest{p.context.Descriptor.Digest}
	for _, d := range p.paths {
		images = append(images, d)
	}
	seen := map[digest.Digest]bool{}
	for _, e := range l.Entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if inputs.GivesAway(e.Key) {
			found = append(found, secrets.Found{Kind: "credentials in an address", Place: withoutQuery(e.Key)})
		}
		switch e.Kind {
		case lock.KindGit:
			images = append(images, e.Digest)
		case lock.KindResponse, lock.KindHTTP:
			for _, d := range []digest.Digest{e.Digest, e.Headers} {
				if d == "" || seen[d] {
					continue
				}
				seen[d] = true
				list, err := h.searchBlob(d, withoutQuery(e.Key))
				if err != nil {
					return err
				}
				found = append(found, list...)
			}
		}
	}
	for _, d := range images {
		list, err := h.searchSource(d)
		if err != nil {
			return err
		}
		found = append(found, list...)
	}
	for _, own := range []struct {
		name string
		data []byte
	}{{filepath.Base(p.recipe.Path), p.recipeBytes}, {p.recipe.Build.Dockerfile, p.dockerfile}} {
		list, err := secrets.Text(own.name, bytes.NewReader(own.data))
		if err != nil {
			return err
		}
		found = append(found, list...)
	}
	return leaking(found)
}

// leaking is one diagnostic a place.
func leaking(found []secrets.Found) error {
	var list diag.List
	seen := map[secrets.Found]bool{}
	for _, f := range found {
		if seen[f] || len(list) == maxLeaksNamed {
			continue
		}
		seen[f] = true
		d := diag.Errorf("A0346", "the seal would hold what looks like a secret: %s", diag.Printable(f.Kind)).WithAt(diag.Position{File: f.Place, Line: f.Line}, "").
			WithWhy("whoever can read the seal has it then").
			WithHelp("keep it out of the build, or push it all the same with --seal-with-secrets")
		list = append(list, d)
	}
	return list.Err()
}

const maxLeaksNamed = 20

// withoutQuery is an address without what may be the secret in it: its query and its user.
func withoutQuery(key string) string {
	key, _, _ = strings.Cut(key, "?")
	if scheme, rest, ok := strings.Cut(key, "://"); ok {
		authority, path, _ := strings.Cut(rest, "/")
		key = scheme + "://" + authority[strings.LastIndex(authority, "@")+1:] + "/" + path
	}
	return key
}

// searchBlob searches the begin of one answer, or its headers.
func (h *Host) searchBlob(d digest.Digest, place string) ([]secrets.Found, error) {
	r, _, err := h.Store.Open(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return secrets.Text(place, io.LimitReader(r, maxSearched))
}

// searchSource searches the files of a packed source, whose layers are plain tars.
func (h *Host) searchSource(manifest digest.Digest) ([]secrets.Found, error) {
	data, err := h.blob(manifest, 4<<20)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", manifest, err)
	}
	var out []secrets.Found
	for _, l := range m.Layers {
		if l.MediaType != ocispec.MediaTypeImageLayer {
			continue
		}
		r, _, err := h.Store.Open(l.Digest)
		if err != nil {
			return nil, err
		}
		list, err := secrets.Tar(r)
		_ = r.Close()
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

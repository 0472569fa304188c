package local

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// manifest answers for one manifest or index, by tag or digest.
func (h *handler) manifest(w http.ResponseWriter, req *http.Request, repo, item string) error {
	path := h.store.repoPath(repo, "_tags", item)
	if strings.Contains(item, ":") {
		d, err := parseDigest(item)
		if err != nil {
			return err
		}
		path = h.store.repoPath(repo, "_manifests", d.Encoded())
	} else if !tagGrammar.MatchString(item) {
		return fail(http.StatusBadRequest, "TAG_INVALID", "tag")
	}
	switch req.Method {
	case http.MethodPut:
		return h.putManifest(w, req, repo, item, path)
	case http.MethodGet, http.MethodHead, http.MethodDelete:
	default:
		return method(w, "GET", "HEAD", "PUT", "DELETE")
	}
	desc, err := h.store.readDescriptor(path)
	if err != nil {
		return fail(http.StatusNotFound, "MANIFEST_UNKNOWN", "%s", item)
	}
	if req.Method == http.MethodDelete {
		return h.deleteManifest(w, repo, item, path, desc)
	}
	raw, err := readFile(h.store.blobPath(desc.Digest), desc.Size)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", desc.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	w.Header().Set("Docker-Content-Digest", desc.Digest.String())
	w.WriteHeader(http.StatusOK)
	if req.Method == http.MethodGet {
		_, _ = w.Write(raw)
	}
	return nil
}

func (h *handler) putManifest(w http.ResponseWriter, req *http.Request, repo, item, path string) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, artifact.MaxManifest))
	if err != nil {
		return err
	}
	mediaType, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	parsed, err := artifact.Parse(mediaType, raw)
	if err != nil {
		return fail(http.StatusBadRequest, "MANIFEST_INVALID", "%v", err)
	}
	desc := artifact.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if strings.Contains(item, ":") && item != desc.Digest.String() {
		return fail(http.StatusBadRequest, "DIGEST_INVALID", "the bytes hash to %s", desc.Digest)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.complete(repo, parsed); err != nil {
		return err
	}
	if err := h.store.writeFile(h.store.blobPath(desc.Digest), raw); err != nil {
		return err
	}
	if err := h.store.writeDescriptor(h.store.repoPath(repo, "_manifests", desc.Digest.Encoded()), desc); err != nil {
		return err
	}
	if subject := parsed.Subject(); subject != nil {
		listed := desc
		listed.ArtifactType, listed.Annotations = listing(parsed)
		dir := h.store.repoPath(repo, "_referrers", subject.Digest.Encoded())
		h.insert(dir, desc.Digest.Encoded())
		if err := h.store.writeDescriptor(filepath.Join(dir, desc.Digest.Encoded()), listed); err != nil {
			return err
		}
		if !h.opts.NoReferrersAPI {
			w.Header().Set("OCI-Subject", subject.Digest.String())
		}
	}
	if !strings.Contains(item, ":") {
		if err := h.store.writeDescriptor(path, desc); err != nil {
			return err
		}
	}
	w.Header().Set("Location", "/v2/"+repo+"/manifests/"+desc.Digest.String())
	w.Header().Set("Docker-Content-Digest", desc.Digest.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}

// listing is what a listing of referrers says of a manifest (distribution-spec "Listing Referrers").
func listing(p artifact.Parsed) (artifactType string, annotations map[string]string) {
	if p.Index != nil {
		return p.Index.ArtifactType, p.Index.Annotations
	}
	if p.Manifest.ArtifactType == "" {
		return p.Manifest.Config.MediaType, p.Manifest.Annotations
	}
	return p.Manifest.ArtifactType, p.Manifest.Annotations
}

// complete demands that everything a manifest refers to is here. Its subject need not be.
func (h *handler) complete(repo string, p artifact.Parsed) error {
	for _, c := range p.Children() {
		if p.Index != nil {
			if _, err := os.Stat(h.store.repoPath(repo, "_manifests", c.Digest.Encoded())); err != nil {
				return fail(http.StatusNotFound, "MANIFEST_UNKNOWN", "%s is not here", c.Digest)
			}
		} else if !h.store.hasBlob(c.Digest) && len(c.URLs) == 0 {
			return fail(http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "%s is not here", c.Digest)
		}
	}
	return nil
}

func (h *handler) deleteManifest(w http.ResponseWriter, repo, item, path string, desc artifact.Descriptor) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if strings.Contains(item, ":") {
		if raw, err := readFile(h.store.blobPath(desc.Digest), desc.Size); err == nil {
			if p, err := artifact.Parse(desc.MediaType, raw); err == nil && p.Subject() != nil {
				dir := h.store.repoPath(repo, "_referrers", p.Subject().Digest.Encoded())
				delete(h.listed, dir)
				_ = os.Remove(filepath.Join(dir, desc.Digest.Encoded())) // may be gone
			}
		}
		if err := h.untag(repo, desc.Digest); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// untag removes the tags that lead to a manifest that is being deleted.
func (h *handler) untag(repo string, d digest.Digest) error {
	names, err := h.store.names(h.store.repoPath(repo, "_tags"))
	if err != nil {
		return err
	}
	for _, name := range names {
		path := h.store.repoPath(repo, "_tags", name)
		if desc, err := h.store.readDescriptor(path); err == nil && desc.Digest == d {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// referrers lists the manifests that speak about a digest, in pages. A digest that nobody speaks about has an empty list.
func (h *handler) referrers(w http.ResponseWriter, req *http.Request, repo, item string) error {
	d, err := parseDigest(item)
	if err != nil {
		return err
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return method(w, "GET", "HEAD")
	}
	dir := h.store.repoPath(repo, "_referrers", d.Encoded())
	names, err := h.names(dir)
	if err != nil {
		return err
	}
	query := req.URL.Query()
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []artifact.Descriptor{}}
	page, more := after(names, query.Get("last"), h.opts.PageSize)
	for _, name := range page {
		desc, err := h.store.readDescriptor(dir + "/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, or not written yet
		}
		if err != nil {
			return err
		}
		if want := query.Get("artifactType"); want == "" || want == desc.ArtifactType {
			index.Manifests = append(index.Manifests, desc)
		}
	}
	if query.Get("artifactType") != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	if more {
		query.Set("last", page[len(page)-1])
		w.Header().Set("Link", "<"+req.URL.Path+"?"+query.Encode()+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, v1.MediaTypeImageIndex, index)
	return nil
}

// maxListed bounds the folders that are remembered.
const maxListed = 1024

// names gives the names in a folder of referrers, from memory where nothing was written there since.
func (h *handler) names(dir string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if names, ok := h.listed[dir]; ok {
		return names, nil
	}
	names, err := h.store.names(dir)
	if err == nil {
		if len(h.listed) >= maxListed {
			clear(h.listed)
		}
		h.listed[dir] = names
	}
	return names, err
}

// insert keeps what is remembered of a folder as the folder is going to be. A listing under way keeps the names that it has.
func (h *handler) insert(dir, name string) {
	names, ok := h.listed[dir]
	if at, found := slices.BinarySearch(names, name); ok && !found {
		h.listed[dir] = slices.Insert(slices.Clone(names), at, name)
	}
}

// tags lists a repository's tags, in pages.
func (h *handler) tags(w http.ResponseWriter, req *http.Request, repo string) error {
	if _, err := os.Stat(h.store.repoPath(repo, "_manifests")); err != nil {
		return fail(http.StatusNotFound, "NAME_UNKNOWN", "%s", repo)
	}
	names, err := h.store.names(h.store.repoPath(repo, "_tags"))
	if err != nil {
		return err
	}
	size := h.opts.PageSize
	if n, err := strconv.Atoi(req.URL.Query().Get("n")); err == nil && n >= 0 {
		size = min(n, size)
	}
	page, more := after(names, req.URL.Query().Get("last"), size)
	if more && len(page) > 0 {
		next := url.Values{"n": {strconv.Itoa(size)}, "last": {page[len(page)-1]}}
		w.Header().Set("Link", "<"+req.URL.Path+"?"+next.Encode()+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"name": repo, "tags": append([]string{}, page...)})
	return nil
}

// after gives at most size names that come after last, and whether there are more.
func after(names []string, last string, size int) (page []string, more bool) {
	first, found := slices.BinarySearch(names, last)
	if found {
		first++
	}
	names = names[first:]
	if len(names) > size {
		return names[:size], true
	}
	return names, false
}

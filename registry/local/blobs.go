package local

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// blob answers for one blob. All repositories share their blobs.
func (h *handler) blob(w http.ResponseWriter, req *http.Request, item string) error {
	d, err := parseDigest(item)
	if err != nil {
		return err
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodDelete:
		if err := os.Remove(h.store.blobPath(d)); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	default:
		return method(w, "GET", "HEAD", "DELETE")
	}
	f, err := os.Open(h.store.blobPath(d))
	if err != nil {
		return fail(http.StatusNotFound, "BLOB_UNKNOWN", "%s", d)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", d.String())
	w.Header().Set("ETag", `"`+d.String()+`"`)
	http.ServeContent(w, req, "", info.ModTime(), f) // with ranges
	return nil
}

func parseDigest(item string) (digest.Digest, error) {
	d := digest.Digest(item)
	if err := artifact.CheckDigest(d); err != nil {
		return "", fail(http.StatusBadRequest, "DIGEST_INVALID", "%v", err)
	}
	return d, nil
}

var uploadID = lazyregexp.New(`^[A-Z2-7]{26}$`)

// upload receives a blob: POST for a place, any number of PATCHes, PUT with the digest.
func (h *handler) upload(w http.ResponseWriter, req *http.Request, repo, id string) error {
	if id == "" {
		if req.Method != http.MethodPost {
			return method(w, "POST")
		}
		return h.begin(w, req, repo)
	}
	if !uploadID.MatchString(id) {
		return fail(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "no such upload")
	}
	path := filepath.Join(h.store.dir, "uploads", id)
	info, err := os.Stat(path)
	if err != nil {
		return fail(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "no such upload")
	}
	switch req.Method {
	case http.MethodGet:
		h.placed(w, repo, id, info.Size(), http.StatusNoContent)
		return nil
	case http.MethodPatch:
		size, err := h.receive(req, path, info.Size())
		if err != nil {
			return err
		}
		h.placed(w, repo, id, size, http.StatusAccepted)
		return nil
	case http.MethodPut:
		if _, err := h.receive(req, path, info.Size()); err != nil {
			return err
		}
		return h.finish(w, req, repo, path)
	case http.MethodDelete:
		if err := os.Remove(path); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return method(w, "GET", "PATCH", "PUT", "DELETE")
}

// begin answers a POST: a mount of what is there, a blob in one request, or a place to upload to.
func (h *handler) begin(w http.ResponseWriter, req *http.Request, repo string) error {
	if mount := digest.Digest(req.URL.Query().Get("mount")); artifact.CheckDigest(mount) == nil && h.store.hasBlob(mount) {
		return h.created(w, repo, mount)
	}
	id := rand.Text()
	path := filepath.Join(h.store.dir, "uploads", id)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	if req.URL.Query().Get("digest") != "" {
		if _, err := h.receive(req, path, 0); err != nil {
			return err
		}
		return h.finish(w, req, repo, path)
	}
	h.placed(w, repo, id, 0, http.StatusAccepted)
	return nil
}

func (h *handler) placed(w http.ResponseWriter, repo, id string, size int64, status int) {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
	w.Header().Set("Docker-Upload-UUID", id)
	w.WriteHeader(status)
}

var contentRange = lazyregexp.New(`^([0-9]{1,18})-([0-9]{1,18})$`)

// receive appends the body to an upload of the given size so far and gives the new size.
func (h *handler) receive(req *http.Request, path string, size int64) (int64, error) {
	if r := req.Header.Get("Content-Range"); r != "" {
		m := contentRange.FindStringSubmatch(r)
		if m == nil || m[1] != strconv.FormatInt(size, 10) {
			return size, fail(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "this upload has %d bytes", size)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return size, err
	}
	defer f.Close()
	n, err := io.Copy(f, req.Body)
	if err == nil {
		err = f.Close()
	}
	return size + n, err
}

func (h *handler) finish(w http.ResponseWriter, req *http.Request, repo, path string) error {
	defer os.Remove(path)
	d, err := parseDigest(req.URL.Query().Get("digest"))
	if err != nil {
		return err
	}
	if err := h.store.commit(path, d); err != nil {
		return err
	}
	return h.created(w, repo, d)
}

func (h *handler) created(w http.ResponseWriter, repo string, d digest.Digest) error {
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+d.String())
	w.Header().Set("Docker-Content-Digest", d.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}

package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry/local"
)

// client speaks plain HTTP to a registry.
type client struct {
	t *testing.T
	h http.Handler
}

func open(t *testing.T, opts local.Options) client {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	h, err := local.Handler(opts)
	if err != nil {
		t.Fatal(err)
	}
	return client{t, h}
}

// do sends a request and demands a status.
func (c client) do(want int, method, path, body string, header ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	c.h.ServeHTTP(rec, req)
	if rec.Code != want {
		c.t.Errorf("%s %s: %d %s, want %d", method, path, rec.Code, rec.Body, want)
	}
	return rec
}

func (c client) blob(content string) digest.Digest {
	c.t.Helper()
	d := digest.FromString(content)
	c.do(201, "POST", "/v2/a/b/blobs/uploads/?digest="+d.String(), content)
	return d
}

const manifestType, indexType = v1.MediaTypeImageManifest, v1.MediaTypeImageIndex

func manifest(config digest.Digest, size int, extra string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/x","digest":%q,"size":%d},"layers":[]%s}`, manifestType, config, size, extra)
}

func (c client) put(want int, item, mediaType, raw string) *httptest.ResponseRecorder {
	c.t.Helper()
	return c.do(want, "PUT", "/v2/a/b/manifests/"+item, raw, "Content-Type", mediaType)
}

func TestUpload(t *testing.T) {
	c := open(t, local.Options{})
	c.do(200, "GET", "/v2/", "")
	d := digest.FromString("hello world")
	place := c.do(202, "POST", "/v2/a/b/blobs/uploads/", "").Header().Get("Location")
	c.do(202, "PATCH", place, "hello ", "Content-Range", "0-5")
	c.do(416, "PATCH", place, "world", "Content-Range", "5-9")
	if r := c.do(204, "GET", place, "").Header().Get("Range"); r != "0-5" {
		t.Errorf("range %s after a refused chunk", r)
	}
	c.do(404, "HEAD", "/v2/a/b/blobs/"+d.String(), "")
	c.do(201, "PUT", place+"?digest="+d.String(), "world")
	c.do(404, "PUT", place+"?digest="+d.String(), "world")
	if got := c.do(200, "GET", "/v2/a/b/blobs/"+d.String(), "").Body.String(); got != "hello world" {
		t.Errorf("%q", got)
	}
	if got := c.do(206, "GET", "/v2/a/b/blobs/"+d.String(), "", "Range", "bytes=6-").Body.String(); got != "world" {
		t.Errorf("range: %q", got)
	}
	c.do(201, "POST", "/v2/other/blobs/uploads/?mount="+d.String()+"&from=a/b", "")
	c.do(400, "POST", "/v2/a/b/blobs/uploads/?digest="+d.String(), "something else")
	c.do(400, "POST", "/v2/a/b/blobs/uploads/?digest=sha256:../../../x", "x")
	c.do(404, "PUT", "/v2/a/b/blobs/uploads/..%2f..%2fx?digest="+d.String(), "x")
	c.do(202, "DELETE", "/v2/a/b/blobs/"+d.String(), "")
	c.do(404, "GET", "/v2/a/b/blobs/"+d.String(), "")
	place = c.do(202, "POST", "/v2/a/b/blobs/uploads/", "").Header().Get("Location")
	c.do(204, "DELETE", place, "")
	c.do(404, "PATCH", place, "x")
}

func TestNames(t *testing.T) {
	c := open(t, local.Options{})
	for _, path := range []string{"/v2/A/blobs/x", "/v2/../x/manifests/y", "/v2/_x/manifests/y", "/v2/a/_tags/tags/list", "/v2/a//b/tags/list"} {
		if code := c.do2("GET", path); code != 400 && code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	c.do(400, "PUT", "/v2/a/b/manifests/-bad", "{}")
	c.do(404, "GET", "/elsewhere", "")
	c.do(405, "PATCH", "/v2/a/b/manifests/x", "")
	c.do(404, "GET", "/v2/never/tags/list", "")
}

func (c client) do2(method, path string) int {
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(method, "http://x/", nil)
	req.URL.Path = path
	c.h.ServeHTTP(rec, req)
	return rec.Code
}

func TestManifests(t *testing.T) {
	dir := t.TempDir()
	c := open(t, local.Options{Dir: dir})
	raw := manifest(digest.FromString("config"), 6, "")
	d := digest.FromString(raw)
	c.put(404, "1", manifestType, raw) // its config is not here
	c.blob("config")
	c.put(400, digest.FromString("another").String(), manifestType, raw)
	c.put(400, "1", "text/plain", raw)
	c.put(400, "1", indexType, raw)
	c.put(400, "1", manifestType, raw+"{}")
	c.put(413, "1", manifestType, raw+strings.Repeat(" ", 5<<20))
	c.put(404, "i", indexType, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, manifestType, d, len(raw)))
	c.put(201, "1", manifestType, raw)
	c.put(201, "2", manifestType, raw)

	c = open(t, local.Options{Dir: dir}) // a restart keeps everything
	for _, item := range []string{"1", "2", d.String()} {
		rec := c.do(200, "GET", "/v2/a/b/manifests/"+item, "")
		if rec.Body.String() != raw || rec.Header().Get("Content-Type") != manifestType || rec.Header().Get("Docker-Content-Digest") != d.String() {
			t.Errorf("%s: %v %s", item, rec.Header(), rec.Body)
		}
	}
	if got := c.do(200, "GET", "/v2/a/b/tags/list?n=1", ""); strings.TrimSpace(got.Body.String()) != `{"name":"a/b","tags":["1"]}` || !strings.Contains(got.Header().Get("Link"), "last=1") {
		t.Errorf("%s %v", got.Body, got.Header())
	}
	c.do(202, "DELETE", "/v2/a/b/manifests/1", "")
	c.do(404, "GET", "/v2/a/b/manifests/1", "")
	c.do(202, "DELETE", "/v2/a/b/manifests/"+d.String(), "")
	c.do(404, "GET", "/v2/a/b/manifests/2", "")
}

func TestReferrers(t *testing.T) {
	c := open(t, local.Options{PageSize: 2})
	config := c.blob("config")
	subject := digest.FromString("not here, which is allowed")
	for i := range 5 {
		raw := manifest(config, 6, fmt.Sprintf(`,"artifactType":"type/%d","annotations":{"n":"%d"},"subject":{"mediaType":%q,"digest":%q,"size":1}`, i%2, i, indexType, subject))
		if got := c.put(201, digest.FromString(raw).String(), manifestType, raw).Header().Get("OCI-Subject"); got != subject.String() {
			t.Errorf("OCI-Subject %q", got)
		}
	}
	raw := manifest(config, 6, fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":1}`, indexType, digest.FromString("other")))
	c.put(201, digest.FromString(raw).String(), manifestType, raw)

	pages, types := c.list("/v2/a/b/referrers/" + subject.String())
	if pages != 3 || types["type/0"] != 3 || types["type/1"] != 2 {
		t.Errorf("%d pages, %v", pages, types)
	}
	if _, types = c.list("/v2/a/b/referrers/" + subject.String() + "?artifactType=type/1"); types["type/1"] != 2 || len(types) != 1 {
		t.Errorf("filtered: %v", types)
	}
	if _, types = c.list("/v2/a/b/referrers/" + digest.FromString("other").String()); types["application/x"] != 1 {
		t.Errorf("without an artifact type, the config's media type: %v", types)
	}
	if pages, types = c.list("/v2/a/b/referrers/" + digest.FromString("nobody").String()); pages != 1 || len(types) != 0 {
		t.Errorf("%v", types)
	}
	c.do(202, "DELETE", "/v2/a/b/manifests/"+digest.FromString(raw).String(), "")
	if _, types = c.list("/v2/a/b/referrers/" + digest.FromString("other").String()); len(types) != 0 {
		t.Errorf("deleted, and listed: %v", types)
	}
	c.do(400, "GET", "/v2/a/b/referrers/sha256:x", "")
}

// list follows a listing's pages and counts artifact types.
func (c client) list(path string) (pages int, types map[string]int) {
	c.t.Helper()
	types = map[string]int{}
	for path != "" {
		pages++
		rec := c.do(200, "GET", path, "")
		var index v1.Index
		if err := json.Unmarshal(rec.Body.Bytes(), &index); err != nil || rec.Header().Get("Content-Type") != indexType {
			c.t.Fatalf("%s: %v", rec.Body, err)
		}
		for _, m := range index.Manifests {
			types[m.ArtifactType]++
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(rec.Header().Get("Link"), "<"), ">")
	}
	return pages, types
}

func TestNoReferrersAPI(t *testing.T) {
	c := open(t, local.Options{NoReferrersAPI: true})
	config := c.blob("config")
	raw := manifest(config, 6, fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":1}`, indexType, config))
	if got := c.put(201, digest.FromString(raw).String(), manifestType, raw).Header().Get("OCI-Subject"); got != "" {
		t.Errorf("OCI-Subject %q", got)
	}
	c.do(404, "GET", "/v2/a/b/referrers/"+config.String(), "")
}

func TestServe(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:5000", "example.com:80", "x"} {
		if s, err := local.Serve(t.Context(), local.Options{Dir: t.TempDir(), Addr: addr}); err == nil {
			s.Close()
			t.Errorf("listens on %s", addr)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := local.Serve(ctx, local.Options{Dir: filepath.Join(t.TempDir(), "made")})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(s.URL + "/v2/")
	if err != nil || resp.StatusCode != 200 || !strings.HasSuffix(s.URL, s.Host) {
		t.Fatalf("%v", err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	cancel()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(s.URL + "/v2/"); err == nil {
		t.Error("still answering")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := local.Serve(t.Context(), local.Options{Dir: file}); err == nil {
		t.Error("serves from a file")
	}
}

// TestNoFolder serves without a folder of its own: nothing is written where the command was started, and nothing is left anywhere.
func TestNoFolder(t *testing.T) {
	here, temp := t.TempDir(), t.TempDir()
	t.Chdir(here)
	t.Setenv("TMPDIR", temp)
	s, err := local.Serve(t.Context(), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	content := "content"
	resp, err := http.Post(s.URL+"/v2/a/b/blobs/uploads/?digest="+digest.FromString(content).String(), "", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("the blob was answered with %s", resp.Status)
	}
	if kept, _ := os.ReadDir(temp); len(kept) != 1 {
		t.Errorf("content is not kept in one temporary folder: %v", kept)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{here, temp} {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
	if _, err := local.Handler(local.Options{}); err == nil {
		t.Error("a handler without a folder has none to write to")
	}
}

package builder

import (
	"encoding/json"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/source"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
)

func refetcher(t *testing.T) *Host {
	t.Helper()
	store, err := inputs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &Host{Store: store, HTTP: http.DefaultTransport, Registry: registry.New(registry.Options{}), Now: time.Now, TempDir: t.TempDir()}
}

func restoredFrom(recipe *recipes.Recipe, entries ...lock.Entry) *Restored {
	return &Restored{restored: &restored{project: &project{recipe: recipe}, lock: &lock.Lock{Entries: entries}}}
}

// TestRefetchAsksForHeaders: an answer is its body and what a step sees of its headers. A request that the recording refused is no input, and
// nobody is asked for it.
func TestRefetchAsksForHeaders(t *testing.T) {
	etag, asked := "one", 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/file" {
			asked++
		}
		w.Header()["Date"] = nil
		w.Header().Set("ETag", etag)
		_, _ = w.Write([]byte("body"))
	}))
	t.Cleanup(srv.Close)
	h := refetcher(t)
	e := lock.Entry{Kind: lock.KindHTTP, Key: srv.URL + "/file", Digest: digest.FromString("body"), Size: 4}
	resp, err := http.Get(e.Key)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	e.Headers = digest.FromBytes(inputs.HeadersAgain(e, resp.Header, false))
	refused := lock.Entry{Kind: lock.KindHTTP, Key: srv.URL + "/refused", Digest: digest.FromString("no"), Size: 2, Evidence: inputs.EvidenceRefused}
	r := restoredFrom(&recipes.Recipe{}, e, refused)
	for _, want := range []provenance.Locked{{Total: 1, FirstSeen: 1, Refetched: 1}, {Total: 1, FirstSeen: 1, Changed: 1}} {
		counts, gone, err := h.Refetch(t.Context(), r, nil)
		if err != nil || counts != want || len(gone) != want.Changed {
			t.Errorf("%+v, %v, %v, want %+v", counts, gone, err, want)
		}
		etag = "two"
	}
	if asked > 0 {
		t.Error("a refused request was sent")
	}
}

// TestRefetchTakesLayers: a base image is there when its configuration and layers are, not when its manifest is.
func TestRefetchTakesLayers(t *testing.T) {
	back, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Value // the digest that is not there; requests that were given up may still be under way when it changes
	var sent atomic.Int64
	lost.Store("nothing")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
			sent.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, lost.Load().(string)) {
			http.NotFound(w, r)
			return
		}
		back.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	h := refetcher(t)
	dir := t.TempDir()
	out, err := layout.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	put := func(mediaType, text string) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(text), Size: int64(len(text))}
		if err := out.PutBlob(t.Context(), d, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	layer := put(ocispec.MediaTypeImageLayer, strings.Repeat("\x00", 1024))
	config := put(ocispec.MediaTypeImageConfig, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["`+string(layer.Digest)+`"]}}`)
	raw := encodeJSON(t, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer},
	})
	root := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := out.Add(t.Context(), root, raw); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Registry.Push(t.Context(), dir, root.Digest, host+"/base:v1", nil); err != nil {
		t.Fatal(err)
	}
	e := lock.Entry{Kind: lock.KindImage, Platform: "linux/amd64", Key: host + "/base:v1", Digest: root.Digest, Size: root.Size}
	counts, gone, err := h.Refetch(t.Context(), restoredFrom(&recipes.Recipe{}, e), []string{host})
	if err != nil || counts.Refetched != 1 || sent.Load() != 2 {
		t.Errorf("%+v, %v, %v, %d blobs were asked for", counts, gone, err, sent.Load())
	}
	lost.Store(string(layer.Digest))
	counts, _, err = h.Refetch(t.Context(), restoredFrom(&recipes.Recipe{}, e), []string{host})
	if err != nil || counts.Vanished != 1 {
		t.Errorf("without its layer: %+v, %v", counts, err)
	}
	lost.Store("nothing")
	h.HTTP = inputs.Guarded(nil, nil)
	if counts, gone, err = h.Refetch(t.Context(), restoredFrom(&recipes.Recipe{}, e), []string{host}); err != nil || counts.Vanished != 1 {
		t.Errorf("past the guard: %+v, %v, %v", counts, gone, err)
	}
	if h.Store.Has(layer.Digest) || h.Store.Has(root.Digest) {
		t.Error("what upstream gave is in the store, from which the build reads")
	}
}

// TestRefetchPacksAsTheBuild: the commit that is the recipe's source is packed without what the build ignores, as it was when it was locked.
func TestRefetchPacksAsTheBuild(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "lib.git")
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main", dir)
	for name, text := range map[string]string{".dockerignore": "notes\n", "notes": "x", "program": "y"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("-C", dir, "add", ".")
	git("-C", dir, "commit", "-q", "-m", "first")
	srv := httptest.NewServer(&cgi.Handler{Path: filepath.Join(git("--exec-path"), "git-http-backend"), Dir: root,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	t.Cleanup(srv.Close)
	h, host := refetcher(t), strings.TrimPrefix(srv.URL, "http://")
	recipe := &recipes.Recipe{Path: "recipe.yaml"}
	recipe.Source.Git, recipe.Source.Ref = srv.URL+"/lib.git", "main"
	epoch := time.Unix(1700000000, 0).UTC()
	ignore := []byte("notes\n")
	private := *recipe
	private.Record.Private = []string{host}
	made, err := h.fetchCommit(t.Context(), &private, sourceGit(recipe), source.Options{Epoch: epoch, Prepare: func(string) ([]byte, error) { return ignore, nil }})
	if err != nil {
		t.Fatal(err)
	}
	r := restoredFrom(recipe, gitEntry(sourceGit(recipe), made))
	r.project.epoch, r.project.ignore = epoch, ignore
	counts, gone, err := h.Refetch(t.Context(), r, []string{host})
	if err != nil || counts.Refetched != 1 {
		t.Errorf("%+v, %v, %v", counts, gone, err)
	}
	r.project.ignore = nil
	if counts, _, err = h.Refetch(t.Context(), r, []string{host}); err != nil || counts.Changed != 1 {
		t.Errorf("packed otherwise: %+v, %v", counts, err)
	}
	if _, gone, _ = h.Refetch(t.Context(), r, nil); len(gone) != 1 || gone[0].Changed {
		t.Errorf("an address of this machine that nobody allowed: %+v, %v", gone, diag.All(err))
	}
}

func encodeJSON(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package registry_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
)

// TestRoundTrip pushes an image with evidence and pulls it back, on registries with and without the referrers API: every
// blob must be the same file, and the evidence must be there without having been asked for.
func TestRoundTrip(t *testing.T) {
	for _, noAPI := range []bool{false, true} {
		host := serve(t, local.Options{NoReferrersAPI: noAPI}, nil)
		dir, image := testImage(t, 300_000)
		from, err := layout.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		attached, err := from.Attach(t.Context(), image, evidence(1))
		if err != nil {
			t.Fatal(err)
		}
		client := newClient(t)
		pushed, err := client.Push(t.Context(), dir, image.Digest, host+"/team/app:1.2", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := pushed.Pinned(), host+"/team/app@"+image.Digest.String(); got != want || pushed.Tag != "1.2" || len(pushed.Manifests) != 2 {
			t.Errorf("pushed %s tag %s with %d manifests, want %s", got, pushed.Tag, len(pushed.Manifests), want)
		}
		copied := t.TempDir()
		if _, err := client.Pull(t.Context(), host+"/team/app:1.2", copied); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(blobs(t, dir), blobs(t, copied)); diff != "" {
			t.Errorf("no API %v: blobs differ (-pushed +pulled):\n%s", noAPI, diff)
		}
		to, err := layout.Open(copied)
		if err != nil {
			t.Fatal(err)
		}
		if root, err := to.Root(t.Context()); err != nil || root.Digest != image.Digest {
			t.Errorf("root of the copy: %v, %v", root.Digest, err)
		}
		found, err := to.Referrers(t.Context(), image.Digest, artifact.Budget{})
		if err != nil || len(found.Referrers) != 1 || found.Referrers[0].Descriptor.Digest != attached[0].Digest {
			t.Errorf("referrers of the copy: %+v, %v", found, err)
		}
	}
}

func blobs(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no blobs in %s: %v", dir, err)
	}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = string(raw)
	}
	return all
}

// TestTagComesLast watches the order of writes: everything by digest, the hook, and only then the tag.
func TestTagComesLast(t *testing.T) {
	var tagged atomic.Bool
	var late atomic.Int32
	host := serve(t, local.Options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/manifests/1") {
				tagged.Store(true)
			} else if req.Method != http.MethodGet && req.Method != http.MethodHead && tagged.Load() {
				late.Add(1)
			}
			h.ServeHTTP(w, req)
		})
	})
	dir, image := testImage(t, 1000)
	hooked := false
	_, err := newClient(t).Push(t.Context(), dir, image.Digest, host+"/app:1", func(ctx context.Context, p registry.Pushed) error {
		hooked = true
		if tagged.Load() {
			t.Error("the tag was there before the hook")
		}
		_, err := p.Repository.Attach(ctx, p.Descriptor, evidence(1))
		return err
	})
	if err != nil || !hooked || !tagged.Load() || late.Load() != 0 {
		t.Errorf("err %v, hooked %v, tagged %v, %d writes after the tag", err, hooked, tagged.Load(), late.Load())
	}
}

// TestNoTagWithoutSuccess: a hook that fails, or a context that ends in it, leaves no tag.
func TestNoTagWithoutSuccess(t *testing.T) {
	host := serve(t, local.Options{}, nil)
	dir, image := testImage(t, 1000)
	client := newClient(t)
	refused := errors.New("no")
	if _, err := client.Push(t.Context(), dir, image.Digest, host+"/app:1", func(context.Context, registry.Pushed) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v, want the hook's", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Push(ctx, dir, image.Digest, host+"/app:1", func(context.Context, registry.Pushed) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || diag.ExitCode(err) != diag.ExitInterrupted {
		t.Errorf("error %v, want context canceled", err)
	}
	_, err = client.Resolve(t.Context(), host+"/app:1")
	wantCode(t, err, "A0513")
	if _, err := client.Resolve(t.Context(), host+"/app@"+image.Digest.String()); err != nil {
		t.Errorf("by digest: %v", err)
	}
}

// TestPushDamagedLayout: a blob that is not what its name says never becomes a blob of the registry, and there is no tag.
func TestPushDamagedLayout(t *testing.T) {
	host := serve(t, local.Options{}, nil)
	dir, image := testImage(t, 5000)
	layer := ""
	for name, content := range blobs(t, dir) {
		if len(content) == 5000 {
			layer = filepath.Join(dir, "blobs/sha256", name)
			if err := os.WriteFile(layer, []byte(strings.Repeat("x", 5000)), 0o644); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	client := newClient(t)
	_, err := client.Push(t.Context(), dir, image.Digest, host+"/app:1", nil)
	wantCode(t, err, "A0512")
	if err := os.Remove(layer); err != nil {
		t.Fatal(err)
	}
	_, err = client.Push(t.Context(), dir, image.Digest, host+"/app:1", nil)
	wantCode(t, err, "A0512")
	_, err = client.Resolve(t.Context(), host+"/app:1")
	wantCode(t, err, "A0513")
}

// TestPushAgain sends no blob twice.
func TestPushAgain(t *testing.T) {
	var uploads atomic.Int32
	host := serve(t, local.Options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost {
				uploads.Add(1)
			}
			h.ServeHTTP(w, req)
		})
	})
	dir, image := testImage(t, 1000)
	for range 2 {
		if _, err := newClient(t).Push(t.Context(), dir, image.Digest, host+"/app:1", nil); err != nil {
			t.Fatal(err)
		}
	}
	if uploads.Load() != 4 {
		t.Errorf("%d uploads for 4 blobs pushed twice", uploads.Load())
	}
}

func TestReferences(t *testing.T) {
	for ref, ok := range map[string]bool{
		"registry.example.com/team/shop:1.2": true, "127.0.0.1:5000/a": true, "UPPER/case": false, "a b": false, "": false,
		"x/y@sha256:1234": false, "registry.example.com/a:": false,
	} {
		err := registry.CheckReference(ref)
		if (err == nil) != ok {
			t.Errorf("%q: %v", ref, err)
		}
		if err != nil {
			wantCode(t, err, "A0514")
		}
	}
	dir, image := testImage(t, 10)
	_, err := newClient(t).Push(t.Context(), dir, image.Digest, "127.0.0.1:1/a@sha256:"+strings.Repeat("0", 64), nil)
	wantCode(t, err, "A0514")
}

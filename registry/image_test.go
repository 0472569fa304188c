package registry_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
)

// sink is a layout that takes only blobs, as the inputs' store does.
type sink struct{ *layout.Layout }

func (s sink) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	return s.PutAny(ctx, r, limit)
}

func newSink(t *testing.T) (sink, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := layout.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	return sink{l}, dir
}

func TestResolveImage(t *testing.T) {
	ref, pushed := push(t, serve(t, local.Options{}, nil), 1000)
	for _, c := range []struct {
		ref, platform, arch string
	}{
		{ref, "linux/amd64", "amd64"}, {ref, "linux/arm64", "arm64"}, {ref, "linux/arm64/v8", "arm64"},
		{pushed.Pinned(), "linux/amd64", "amd64"},
		{pushed.Repository.Name() + "@" + pushed.Manifests[1].Digest.String(), "linux/amd64", "arm64"}, // one manifest: there is no choice
	} {
		img, err := newClient(t).ResolveImage(t.Context(), c.ref, c.platform)
		if err != nil || !strings.Contains(string(img.Config), `"architecture":"`+c.arch+`"`) || digest.FromBytes(img.ManifestJSON) != img.Manifest.Digest {
			t.Errorf("%s %s: %s, %v", c.ref, c.platform, img.Config, err)
		}
	}
	_, err := newClient(t).ResolveImage(t.Context(), ref, "linux/s390x")
	wantCode(t, err, "A0513")
	if !strings.Contains(err.Error(), "linux/s390x") {
		t.Error(err)
	}
}

func TestCopyTo(t *testing.T) {
	ref, pushed := push(t, serve(t, local.Options{}, nil), 1000)
	for platform, want := range map[string]int{"": 7, "linux/arm64": 4} {
		to, dir := newSink(t)
		got, err := newClient(t).CopyTo(t.Context(), ref, platform, to)
		if err != nil || got.Descriptor.Digest != pushed.Descriptor.Digest || got.Pinned() != pushed.Pinned() {
			t.Fatalf("%v, %v", got.Descriptor, err)
		}
		if n := len(blobs(t, dir)); n != want {
			t.Errorf("%q: %d blobs, want %d", platform, n, want)
		}
	}
}

// TestProgress: every blob is reported from start to done, and once more as being there.
func TestProgress(t *testing.T) {
	host := serve(t, local.Options{}, nil)
	dir, image := testImage(t, 3<<20)
	for _, want := range []string{"done", "exists"} {
		last := map[string]registry.Progress{}
		moving := 0
		c := registry.New(registry.Options{Keychain: anonymous{}, Progress: func(p registry.Progress) {
			if p.State == "moving" {
				moving++
			}
			last[p.Digest] = p
		}})
		if _, err := c.Push(t.Context(), dir, image.Digest, host+"/app:1", nil); err != nil {
			t.Fatal(err)
		}
		if len(last) != 4 || (moving < 4) != (want == "exists") {
			t.Errorf("%d blobs, %d times moving", len(last), moving)
		}
		for d, p := range last {
			if p.State != want || p.Done != p.Total {
				t.Errorf("%s ended as %+v, want %s", d, p, want)
			}
		}
	}
}

// TestMediaTypeSwitch: what the registry calls an index must be one.
func TestMediaTypeSwitch(t *testing.T) {
	_, pushed := push(t, serve(t, local.Options{}, nil), 10)
	_, raw, err := pushed.Repository.Manifest(t.Context(), pushed.Descriptor.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.Parse("application/vnd.oci.image.manifest.v1+json", raw); err == nil {
		t.Error("an index was read as a manifest")
	}
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/report"
)

type entries = []layouttest.Entry

// diffing is a machine on which images are compared.
type diffing struct {
	t     *testing.T
	cache string
	host  string       // of a registry
	blobs atomic.Int64 // that were asked of it
}

func newDiffing(t *testing.T) *diffing {
	t.Helper()
	d := &diffing{t: t, cache: t.TempDir()}
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // not the credentials of whoever runs this
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			d.blobs.Add(1)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	d.host = strings.TrimPrefix(s.URL, "http://")
	return d
}

// push pushes a layout's image and gives the reference.
func (d *diffing) push(dir string, root digest.Digest, name string) string {
	d.t.Helper()
	ref := d.host + "/" + name
	if _, err := registry.New(registry.Options{}).Push(d.t.Context(), dir, root, ref, nil); err != nil {
		d.t.Fatal(err)
	}
	d.blobs.Store(0)
	return ref
}

// run runs `selfsame diff` and checks that it leaves nothing behind.
func (d *diffing) run(ctx context.Context, args ...string) (code int, out, errs string) {
	d.t.Helper()
	var o, e bytes.Buffer
	env := map[string]string{"XDG_CACHE_HOME": d.cache, "HOME": d.cache}
	code = Main(ctx, append([]string{"diff"}, args...), Streams{Out: &o, Err: &e, Env: func(k string) string { return env[k] }})
	if left, err := filepath.Glob(filepath.Join(d.cache, Name, "tmp", "*")); err != nil || len(left) > 0 {
		d.t.Errorf("left behind: %v, %v", left, err)
	}
	return code, o.String(), e.String()
}

func (d *diffing) want(code int, says string, args ...string) string {
	d.t.Helper()
	got, out, errs := d.run(d.t.Context(), args...)
	if got != code || !strings.Contains(out+errs, says) {
		d.t.Errorf("diff %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, says, out, errs)
	}
	return out
}

func gzipped(img layouttest.Image) layouttest.Image {
	for i := range img.Layers {
		img.Layers[i].MediaType = ocispec.MediaTypeImageLayerGzip
	}
	return img
}

func TestDiffOfRegistriesFetchesWhatDiffers(t *testing.T) {
	d := newDiffing(t)
	base, lib := entries{layouttest.File("base", "b")}, entries{layouttest.File("lib", "l")}
	dirA, a := gzipped(layouttest.Of(t, base, lib, entries{layouttest.File("app", "1")})).Write(t)
	dirB, b := gzipped(layouttest.Of(t, base, entries{layouttest.File("new", "")}, lib, entries{layouttest.File("app", "2")})).Write(t)
	refA, refB := d.push(dirA, a, "a:1"), d.push(dirB, b, "b:1")
	d.want(13, "app", refA, refB)
	if n := d.blobs.Load(); n != 4 { // two configs, and app's layer of both
		t.Errorf("%d blobs were fetched, want 4", n)
	}
	out := d.want(13, "only in B", refA, dirB)
	if !strings.Contains(out, "layer 2 ") || !strings.Contains(out, "layer 3 (4 in B)") {
		t.Error(out)
	}
	d.blobs.Store(0)
	d.want(0, "", refA, d.host+"/a@"+a.String())
	if n := d.blobs.Load(); n != 2 {
		t.Errorf("%d blobs were fetched of equal images, want the 2 configs", n)
	}
	d.want(0, "", dirA, refA)
	d.want(17, "A0513", refA, d.host+"/a:2")
	d.want(17, "A0511", "127.0.0.1:1/a:2", refA)
	d.want(10, "A0514", dirA, "not a name")
	d.want(10, "A0407", dirA, "./not-there.tar")
	d.want(10, "A0316", dirA)
}

// A layer whose content has the same name and whose blob has not is fetched: only reading it can tell.
func TestDiffReadsWhatIsPackedDifferently(t *testing.T) {
	d := newDiffing(t)
	img := layouttest.Of(t, entries{layouttest.File("a", "1")})
	dirA, a := img.Write(t)
	dirB, b := gzipped(img).Write(t)
	refA, refB := d.push(dirA, a, "a:1"), d.push(dirB, b, "b:1")
	d.want(13, "content equal, encoding of 1 of 1 layer differs", refA, refB)
	if n := d.blobs.Load(); n != 4 {
		t.Errorf("%d blobs were fetched, want 4", n)
	}
	lie := layouttest.Of(t, entries{layouttest.File("a", "1")})
	lie.Layers[0].MediaType, lie.Layers[0].Blob = ocispec.MediaTypeImageLayerGzip, layouttest.Pack(t, layouttest.Layer{
		Tar: layouttest.Tar(t, layouttest.File("a", "2")), MediaType: ocispec.MediaTypeImageLayerGzip})
	dirC, c := lie.Write(t)
	d.want(17, "A0403", refA, d.push(dirC, c, "c:1"))
}

func TestDiffOfIndexes(t *testing.T) {
	d := newDiffing(t)
	member := func(p, body string) layouttest.Member {
		return layouttest.Member{Platform: p, Image: layouttest.Of(t, entries{layouttest.File("x", body)})}
	}
	attested := func(i *ocispec.Index) {
		i.Manifests = append(i.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 1,
			Platform: &ocispec.Platform{OS: "unknown", Architecture: "unknown"}})
	}
	dirA, a := layouttest.WriteIndex(t, nil, member("linux/amd64", "1"), member("linux/arm64", "1"))
	dirB, _ := layouttest.WriteIndex(t, attested, member("linux/amd64", "1"), member("linux/arm64", "2"), member("linux/riscv64", "1"))
	ref := d.push(dirA, a, "a:1")
	var res report.Result
	if err := json.Unmarshal([]byte(d.want(13, "", ref, dirB, "--json")), &res); err != nil || res.Reproducible || len(res.Compared) != 3 ||
		len(res.Platforms) != 2 || res.Compared[2].Platform != "linux/riscv64" || res.Compared[2].A != "" || res.Compared[2].B == "" {
		t.Errorf("%+v, %v", res, err)
	}
	out := d.want(13, "2 of 3 platforms differ", ref, dirB)
	for _, says := range []string{"linux/riscv64: only in B", "linux/arm64: 1 of 1 layer differs", "note: not compared: 1 build attestation of"} {
		if !strings.Contains(out, says) {
			t.Errorf("does not say %q:\n%s", says, out)
		}
	}
	d.want(0, "", ref, dirB, "--platform", "linux/amd64")
	d.want(13, "", ref, dirB, "--platform", "linux/amd64", "--platform", "linux/arm64")
	d.want(13, "only in B", ref, dirB, "--platform", "linux/riscv64")
	d.want(10, "A0406", ref, dirB, "--platform", "linux/s390x")
	changed, _ := layouttest.WriteIndex(t, func(i *ocispec.Index) { i.Annotations = map[string]string{"built": "today"} },
		member("linux/amd64", "1"), member("linux/arm64", "1"))
	d.want(13, "all platforms equal, the index differs", ref, changed)
	one, _ := member("linux/amd64", "1").Image.Write(t)
	d.want(0, "is an index", ref, one)
	d.want(0, "is an index", one, ref)
}

func TestDiffEndsWithItsContext(t *testing.T) {
	d := newDiffing(t)
	dir, _ := layouttest.Of(t, entries{layouttest.File("a", "1")}).Write(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, out, errs := d.run(ctx, dir, dir); code != 130 || out != "" {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	gone := filepath.Join(d.cache, Name, "tmp", "diff-of-a-killed-command")
	if err := os.MkdirAll(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	d.want(0, "", dir, dir) // run checks that nothing is left
}

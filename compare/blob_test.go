package compare_test

import (
	"context"
	"os"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

// ByBlob reads equal layers once, finds damage in either folder, and leaves alone what was brought.
func TestByBlob(t *testing.T) {
	img := layouttest.Of(t, entries{file("x", "1")}, entries{file("y", "2")})
	a, b := open(t, img), open(t, img)
	var read atomic.Int64
	opt := compare.Options{ByBlob: true, OnRead: func(n int) { read.Add(int64(n)) }}
	rep, err := compare.Images(context.Background(), a, b, opt)
	if want := int64(2 * (len(img.Layers[0].Tar) + len(img.Layers[1].Tar))); err != nil || !rep.Equal() || read.Load() != want {
		t.Errorf("read %d, want %d: %+v, %v", read.Load(), want, rep, err)
	}
	path := layouttest.BlobPath(b.Dir(), b.Layers()[1].Digest)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = compare.Images(context.Background(), a, b, opt)
	refused(t, err, "")
	brought, err := compare.OpenBrought(b.Dir(), b.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := compare.Images(context.Background(), a, brought, opt); err != nil || !rep.Equal() {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, _, err := compare.Prove(context.Background(), []compare.Pair{{Platform: "linux/amd64", A: a, B: brought}}, opt); err == nil {
		t.Error("an image whose layers are elsewhere was proven")
	}
}

// Two images with one blob under one name agree also where the name of the content is wrong in both: that it is, only a proof asks.
func TestByBlobDoesNotDecompress(t *testing.T) {
	img := layouttest.Of(t, entries{file("x", "1")})
	img.Layers[0].MediaType, img.Layers[0].Blob = ocispec.MediaTypeImageLayerGzip, []byte("no gzip")
	a, b := open(t, img), open(t, img)
	if rep, err := compare.Images(context.Background(), a, b, compare.Options{ByBlob: true}); err != nil || !rep.Equal() {
		t.Errorf("%+v, %v", rep, err)
	}
	_, err := compare.Images(context.Background(), a, b, compare.Options{})
	refused(t, err, "")
	_, _, err = compare.Prove(context.Background(), []compare.Pair{{Platform: "linux/amd64", A: a, B: b}}, compare.Options{ByBlob: true})
	refused(t, err, "")
}

package compare_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/heaptest"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

// sparse writes a tar of one file of zeros and a small one after it. Zeros are left out of the file on the disk, and hashed.
func sparse(t *testing.T, path string, zeros int64, text string) digest.Digest {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := digest.SHA256.Digester()
	w := tar.NewWriter(holes{io.MultiWriter(f, sum.Hash()), f, sum.Hash()})
	for _, e := range []tar.Header{{Name: "zeros", Size: zeros}, {Name: "text", Size: int64(len(text))}} {
		e.Typeflag, e.Mode = tar.TypeReg, 0o644
		if err := w.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		for left := e.Size; e.Name == "zeros" && left > 0; left -= int64(len(zeroBlock)) {
			if _, err := w.Write(zeroBlock); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	end, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		err = f.Truncate(end)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sum.Digest()
}

var zeroBlock = make([]byte, 1<<20)

// holes seeks where it should write a block of zeros.
type holes struct {
	both io.Writer
	f    *os.File
	sum  io.Writer
}

func (h holes) Write(p []byte) (int, error) {
	if len(p) < len(zeroBlock) || !bytes.Equal(p, zeroBlock[:len(p)]) {
		return h.both.Write(p)
	}
	if _, err := h.f.Seek(int64(len(p)), io.SeekCurrent); err != nil {
		return 0, err
	}
	return h.sum.Write(p)
}

// Two images of 768 MB that differ in one byte: the heap, which may grow by a twelfth of that, stays as small as for any other.
func TestLargeLayersInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a gigabyte and a half")
	}
	const mb = 1 << 20
	dir := t.TempDir()
	same := filepath.Join(dir, "same")
	names := map[string]digest.Digest{same: sparse(t, same, 512*mb, "both")}
	var images []*compare.Image
	for _, text := range []string{"a", "b"} {
		own := filepath.Join(dir, text)
		names[own] = sparse(t, own, 256*mb, text)
		img := layouttest.Of(t, nil, nil)
		img.Config = func(c *ocispec.Image) { c.RootFS.DiffIDs = []digest.Digest{names[same], names[own]} }
		img.Manifest = func(m *ocispec.Manifest) {
			for i, path := range []string{same, own} {
				st, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				m.Layers[i].Digest, m.Layers[i].Size = names[path], st.Size()
			}
		}
		at, m := img.Write(t)
		for _, path := range []string{same, own} {
			if err := os.Link(path, layouttest.BlobPath(at, names[path])); err != nil {
				t.Skip(err)
			}
		}
		opened, err := compare.Open(at, m)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, opened)
	}
	var rep compare.Report
	var err error
	heaptest.Within(t, 32<<20, func() {
		rep, err = compare.Images(context.Background(), images[0], images[1], compare.Options{ByBlob: true})
	})
	if err != nil || len(rep.Differences) != 1 || rep.Differences[0].Path != "text" {
		t.Fatalf("%+v, %v", rep, err)
	}
}

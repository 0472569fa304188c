package inputs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
)

func open(t *testing.T, dir string) *inputs.Store {
	t.Helper()
	s, err := inputs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s *inputs.Store, text string) digest.Digest {
	t.Helper()
	b, err := s.PutBytes(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b.Digest
}

func blobPath(s *inputs.Store, d digest.Digest) string {
	return filepath.Join(s.Dir(), "blobs", "sha256", d.Encoded())
}

// damage overwrites a blob behind the store's back.
func damage(t *testing.T, s *inputs.Store, d digest.Digest, text string) {
	t.Helper()
	path := blobPath(s, d)
	if err := errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func read(s *inputs.Store, d digest.Digest) (string, error) {
	r, _, err := s.Open(d)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func tempFiles(t *testing.T, s *inputs.Store) int {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(s.Dir(), "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestPutAndOpen in a store that lasts, and in one that does not.
func TestPutAndOpen(t *testing.T) {
	fleeting, err := inputs.OpenFleeting(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleeting.Close() })
	for _, s := range []*inputs.Store{open(t, t.TempDir()), fleeting} {
		putAndOpen(t, s)
	}
}

func putAndOpen(t *testing.T, s *inputs.Store) {
	t.Helper()
	for _, text := range []string{"", "x", strings.Repeat("long ", 100_000)} {
		b, err := s.Put(t.Context(), strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		if want := (inputs.Blob{Digest: digest.FromString(text), Size: int64(len(text))}); b != want {
			t.Errorf("put gave %v; want %v", b, want)
		}
		if got, err := read(s, b.Digest); err != nil || got != text {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if !s.Has(b.Digest) || s.Verify(b.Digest) != nil {
			t.Error("the store does not know what it holds")
		}
	}
	for _, name := range []string{"oci-layout", "index.json"} {
		if _, err := os.Stat(filepath.Join(s.Dir(), name)); err != nil {
			t.Error(err)
		}
	}
}

func TestPutKeepsNothingOnFailure(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Put(t.Context(), strings.NewReader("12345"), 4); !errors.Is(err, inputs.ErrTooLarge) {
		t.Errorf("5 bytes with limit 4: %v", err)
	}
	boom := errors.New("boom")
	if _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("x"), errReader{boom}), 100); !errors.Is(err, boom) {
		t.Errorf("reader failed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, strings.NewReader("x"), 100); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n := tempFiles(t, s); n != 0 {
		t.Errorf("%d temporary files left", n)
	}
	if s.Has(digest.FromString("1234")) {
		t.Error("part of a stream was stored")
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestDamageIsFound(t *testing.T) {
	s := open(t, t.TempDir())
	for name, bad := range map[string]string{"flipped bit": "helln", "truncated": "hell", "longer": "hello!", "empty": ""} {
		d := put(t, s, "hello")
		damage(t, s, d, bad)
		_, err := read(s, d)
		var blob *inputs.BlobError
		if !errors.Is(err, inputs.ErrCorrupt) || !errors.As(err, &blob) || blob.Digest != d {
			t.Errorf("%s: reading gave %v", name, err)
		}
		if err := s.Verify(d); !errors.Is(err, inputs.ErrCorrupt) {
			t.Errorf("%s: verifying gave %v", name, err)
		}
		put(t, s, "hello")
		if err := s.Verify(d); err != nil {
			t.Errorf("%s: putting the bytes again does not heal: %v", name, err)
		}
	}
	var blob *inputs.BlobError
	if _, err := read(s, digest.FromString("nowhere")); !errors.Is(err, inputs.ErrMissing) || !errors.As(err, &blob) {
		t.Errorf("missing blob: %v", err)
	}
	for _, d := range []digest.Digest{"", "sha256:../../../etc/passwd", "sha512:" + digest.Digest(strings.Repeat("0", 128)), "x"} {
		if _, err := read(s, d); err == nil || s.Has(d) || s.Remove(d) == nil {
			t.Errorf("digest %q was accepted", d)
		}
	}
}

func TestContentIsReadOnlyAndVerified(t *testing.T) {
	s := open(t, t.TempDir())
	c := s.Content()
	d := put(t, s, "hello")
	desc := ocispec.Descriptor{Digest: d, Size: 5}
	if got, err := content.ReadBlob(t.Context(), c, desc); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
	other := open(t, s.Dir()) // another process, which has not seen the blob yet
	damage(t, s, d, "hellO")
	c = other.Content()
	if _, err := content.ReadBlob(t.Context(), c, desc); !errors.Is(err, inputs.ErrCorrupt) {
		t.Errorf("damaged blob: %v", err)
	}
	missing := ocispec.Descriptor{Digest: digest.FromString("no"), Size: 2}
	if _, err := content.ReadBlob(t.Context(), c, missing); !errors.Is(err, inputs.ErrMissing) || !errdefs.IsNotFound(err) {
		t.Errorf("missing blob: %v", err)
	}
	if err := content.WriteBlob(t.Context(), c, "ref", bytes.NewReader([]byte("x")), ocispec.Descriptor{Digest: digest.FromString("x"), Size: 1}); err == nil {
		t.Error("a build could write to the store")
	}
	if c.Delete(t.Context(), d) == nil {
		t.Error("a build could delete from the store")
	}
}

func TestPutImage(t *testing.T) {
	s := open(t, t.TempDir())
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: put(t, s, "layer"), Size: 5}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}
	one, err := s.PutImage(t.Context(), config, []ocispec.Descriptor{layer}, map[string]string{"b": "2", "a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.PutImage(t.Context(), config, []ocispec.Descriptor{layer}, map[string]string{"a": "1", "b": "2"})
	if err != nil || cmp.Diff(one, two) != "" {
		t.Errorf("the same image has two descriptors: %v, %v, %v", one, two, err)
	}
	if text, err := read(s, one.Digest); err != nil || !strings.Contains(text, layer.Digest.String()) {
		t.Errorf("manifest %q, %v", text, err)
	}
	layer.Digest = digest.FromString("not there")
	if _, err := s.PutImage(t.Context(), config, []ocispec.Descriptor{layer}, nil); !errors.Is(err, inputs.ErrMissing) {
		t.Errorf("image with a missing layer: %v", err)
	}
}

func TestGCRemovesTheLongestUnused(t *testing.T) {
	s := open(t, t.TempDir())
	var ds []digest.Digest
	for i, text := range []string{"aaaa", "bbbb", "cccc", "dddd"} {
		d := put(t, s, text)
		ds = append(ds, d)
		old := time.Unix(int64(1_000_000+i), 0)
		if err := os.Chtimes(blobPath(s, d), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(s, ds[1]); err != nil { // b is used now
		t.Fatal(err)
	}
	stale := filepath.Join(s.Dir(), "tmp", "blob-left-by-a-crash")
	if err := os.WriteFile(stale, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := s.GC(t.Context(), func(d digest.Digest) bool { return d == ds[0] }, 8)
	if err != nil {
		t.Fatal(err)
	}
	want := inputs.Collected{Removed: 2, RemovedBytes: 8, Kept: 2, KeptBytes: 8}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for i, want := range []bool{true, true, false, false} {
		if s.Has(ds[i]) != want {
			t.Errorf("blob %d kept=%t; want %t", i, !want, want)
		}
	}
	if tempFiles(t, s) != 0 {
		t.Error("a dead writer's file is still there")
	}
}

func TestGCSparesWritersOfItsOwnProcess(t *testing.T) {
	s := open(t, t.TempDir())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s.Put(context.Background(), r, 100)
		done <- err
	}()
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GC(t.Context(), nil, 0); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("whole"))
	w.Close()
	if err := <-done; err != nil || !s.Has(digest.FromString("halfwhole")) {
		t.Errorf("put beside a collection: %v", err)
	}
}

func TestGCIsRefusedWhileAnotherProcessHasTheStore(t *testing.T) {
	if dir := os.Getenv("SELFSAME_TEST_HOLD_STORE"); dir != "" { // the other process
		if _, err := inputs.Open(dir); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("open\n")
		_, _ = io.ReadAll(os.Stdin)
		return
	}
	s := open(t, t.TempDir())
	d := put(t, s, "x")
	other := exec.Command(os.Args[0], "-test.run=^TestGCIsRefusedWhileAnotherProcessHasTheStore$")
	other.Env = append(os.Environ(), "SELFSAME_TEST_HOLD_STORE="+s.Dir())
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GC(t.Context(), nil, 0); !errors.Is(err, inputs.ErrBusy) || !s.Has(d) {
		t.Errorf("GC beside another process: %v, blob kept %t", err, s.Has(d))
	}
	in.Close()
	_ = other.Wait()
	if _, err := s.GC(t.Context(), nil, 0); err != nil || s.Has(d) {
		t.Errorf("GC alone: %v, blob kept %t", err, s.Has(d))
	}
}

func TestDamagedListsWhatWasReadAndNotReplaced(t *testing.T) {
	s := open(t, t.TempDir())
	good, bad := put(t, s, "good"), put(t, s, "bad")
	damage(t, s, bad, "sad")
	for _, d := range []digest.Digest{good, bad} {
		_, _ = read(s, d)
	}
	if got := s.Damaged(); len(got) != 1 || got[0] != bad {
		t.Errorf("damaged: %v, want %s", got, bad)
	}
	if s.Size(bad) != 3 || s.Size(digest.FromString("nowhere")) != -1 {
		t.Errorf("sizes: %d and %d, want 3 and -1", s.Size(bad), s.Size(digest.FromString("nowhere")))
	}
	put(t, s, "bad")
	if got := s.Damaged(); len(got) != 0 {
		t.Errorf("damaged after it was replaced: %v", got)
	}
}

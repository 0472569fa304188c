package layout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
)

func create(t *testing.T) (*layout.Layout, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "layout")
	l, err := layout.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func addImage(t *testing.T, l *layout.Layout, name string) artifact.Descriptor {
	t.Helper()
	raw := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"name":%q}}`, v1.MediaTypeImageIndex, name))
	d := artifact.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := l.Add(t.Context(), d, raw); err != nil {
		t.Fatal(err)
	}
	return d
}

func evidence(n int) artifact.Artifact {
	return artifact.Artifact{ArtifactType: "application/x", Blob: fmt.Appendf(nil, "%d", n)}
}

func wantCode(t *testing.T, err error, code diag.Code) {
	t.Helper()
	for _, d := range diag.All(err) {
		if d.Code == code {
			return
		}
	}
	t.Errorf("error %v, want diagnostic %s", err, code)
}

func TestAttachAndList(t *testing.T) {
	l, dir := create(t)
	image := addImage(t, l, "app")
	for i := range 3 {
		if _, err := l.Attach(t.Context(), image, evidence(i%2)); err != nil { // one of them twice
			t.Fatal(err)
		}
	}
	if _, err := l.Attach(t.Context(), artifact.Descriptor{MediaType: "x", Digest: digest.FromString("other"), Size: 1}, evidence(7)); err != nil {
		t.Fatal(err)
	}
	l, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := l.Root(t.Context())
	if err != nil || root.Digest != image.Digest {
		t.Errorf("root %v, %v", root, err)
	}
	found, err := l.Referrers(t.Context(), image.Digest, artifact.Budget{})
	if err != nil || len(found.Referrers) != 2 || len(found.Rejected) != 0 {
		t.Fatalf("%+v, %v", found, err)
	}
	blob, err := l.Blob(t.Context(), found.Referrers[1].Layers[0], 100)
	if err != nil || string(blob) != "1" {
		t.Errorf("%q, %v", blob, err)
	}
	_, err = l.Referrers(t.Context(), image.Digest, artifact.Budget{Referrers: 1})
	var incomplete *artifact.IncompleteError
	if !errors.As(err, &incomplete) {
		t.Errorf("%v", err)
	}
	addImage(t, l, "second")
	_, err = l.Root(t.Context())
	wantCode(t, err, "A0518")
}

// TestParallelAttach: writers of one layout, each with its own handle as processes have, lose nothing.
func TestParallelAttach(t *testing.T) {
	l, dir := create(t)
	image := addImage(t, l, "app")
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			mine, err := layout.Open(dir)
			if err == nil {
				_, err = mine.Attach(context.Background(), image, evidence(i))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	found, err := l.Referrers(t.Context(), image.Digest, artifact.Budget{})
	if err != nil || len(found.Referrers) != 32 {
		t.Errorf("%d of 32, %v", len(found.Referrers), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil || len(left) != 1 { // oci-layout
		t.Errorf("left behind: %v", left)
	}
}

func TestDamage(t *testing.T) {
	l, dir := create(t)
	image := addImage(t, l, "app")
	attached, err := l.Attach(t.Context(), image, evidence(1))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "blobs/sha256", attached[0].Digest.Encoded())
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[20] ^= 1
	for name, content := range map[string][]byte{"flipped": flipped, "short": raw[1:], "long": append(bytes.Clone(raw), 'x')} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := l.Manifest(t.Context(), attached[0].Digest)
		wantCode(t, err, "A0512")
		found, err := l.Referrers(t.Context(), image.Digest, artifact.Budget{})
		if err != nil || len(found.Referrers) != 0 || len(found.Rejected) != 1 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, _, err = l.Manifest(t.Context(), attached[0].Digest)
	wantCode(t, err, "A0512")
}

func TestPutBlobRefuses(t *testing.T) {
	l, dir := create(t)
	d := artifact.Descriptor{Digest: digest.FromString("good"), Size: 4}
	for _, content := range []string{"bad!", "goo", "goods", ""} {
		var mismatch *artifact.MismatchError
		if err := l.PutBlob(t.Context(), d, strings.NewReader(content)); !errors.As(err, &mismatch) || l.Has(d.Digest) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if err := l.PutBlob(t.Context(), artifact.Descriptor{Digest: "sha256:../../x", Size: 1}, strings.NewReader("x")); err == nil {
		t.Error("a path as a digest")
	}
	if _, err := l.PutAny(t.Context(), strings.NewReader("12345"), 4); err == nil {
		t.Error("past the limit")
	}
	left, err := filepath.Glob(filepath.Join(dir, "blobs/put-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := l.PutBlob(t.Context(), d, strings.NewReader("good")); err != nil {
		t.Fatal(err)
	}
	r, size, err := l.OpenBlob(d.Digest)
	if err != nil || size != 4 {
		t.Fatal(err)
	}
	defer r.Close()
	if raw, err := io.ReadAll(r); err != nil || string(raw) != "good" {
		t.Errorf("%q, %v", raw, err)
	}
	_, _, err = l.OpenBlob(digest.FromString("absent"))
	wantCode(t, err, "A0512")
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing":          {},
		"no index":         {"oci-layout": `{"imageLayoutVersion":"1.0.0"}`},
		"another version":  {"oci-layout": `{"imageLayoutVersion":"2.0.0"}`, "index.json": `{"manifests":[]}`},
		"bad layout":       {"oci-layout": `{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}`, "index.json": `{"manifests":[]}`},
		"huge layout file": {"oci-layout": strings.Repeat(" ", 1<<20), "index.json": `{"manifests":[]}`},
	} {
		dir := t.TempDir()
		for f, content := range files {
			if err := os.WriteFile(filepath.Join(dir, f), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := layout.Open(dir)
		if err == nil {
			t.Errorf("%s: opened", name)
			continue
		}
		wantCode(t, err, "A0518")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{`{"manifests":[{"mediaType":"x","digest":"sha256:x","size":1}]}`, `{"manifests":[],"manifests":[]}`, `[]`, `{`} {
		if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := layout.Open(dir)
		wantCode(t, err, "A0517")
	}
}

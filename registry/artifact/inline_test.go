package artifact_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

func TestInline(t *testing.T) {
	content := []byte("evidence")
	good := artifact.Descriptor{MediaType: "text/plain", Digest: digest.FromBytes(content), Size: int64(len(content)), Data: content}
	with := func(change func(*artifact.Descriptor)) artifact.Descriptor {
		d := good
		change(&d)
		return d
	}
	for name, c := range map[string]struct {
		d     artifact.Descriptor
		limit int64
		want  bool
	}{
		"as named":         {good, 8, true},
		"over the limit":   {good, 7, false},
		"none":             {with(func(d *artifact.Descriptor) { d.Data = nil }), 8, false},
		"other bytes":      {with(func(d *artifact.Descriptor) { d.Data = []byte("evidenze") }), 8, false},
		"other size":       {with(func(d *artifact.Descriptor) { d.Size = 9 }), 9, false},
		"cut short":        {with(func(d *artifact.Descriptor) { d.Data = content[:7] }), 8, false},
		"no sha256":        {with(func(d *artifact.Descriptor) { d.Digest = digest.Digest("sha512:" + strings.Repeat("0", 128)) }), 8, false},
		"no digest at all": {with(func(d *artifact.Descriptor) { d.Digest = "" }), 8, false},
		"empty":            {artifact.Descriptor{Digest: digest.FromBytes(nil)}, 8, false},
	} {
		got, ok := artifact.Inline(c.d, c.limit)
		if ok != c.want || ok && !bytes.Equal(got, content) || !ok && got != nil {
			t.Errorf("%s: %q, %t; want %t", name, got, ok, c.want)
		}
	}
}

// TestInlineIsForSmallEvidence: what the manifest carries has a bound, and the blob is named the same either way.
func TestInlineIsForSmallEvidence(t *testing.T) {
	subject := artifact.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: digest.FromString("image"), Size: 5}
	for size, want := range map[int]int{1: 1, artifact.MaxInline: artifact.MaxInline, artifact.MaxInline + 1: 0} {
		blob := bytes.Repeat([]byte("x"), size)
		raw, desc, _, err := artifact.Artifact{ArtifactType: "text/plain", Blob: blob}.Manifest(subject)
		if err != nil {
			t.Fatal(err)
		}
		r, err := artifact.ReadReferrer(desc, raw, subject.Digest)
		if err != nil {
			t.Fatal(err)
		}
		layer := r.Layers[0]
		if len(layer.Data) != want || layer.Size != int64(size) || layer.Digest != digest.FromBytes(blob) {
			t.Errorf("%d bytes: %d in data, want %d; named %s, %d", size, len(layer.Data), want, layer.Digest, layer.Size)
		}
	}
}

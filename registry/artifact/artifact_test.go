package artifact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// TestManifestIsCosigns: around the same bundle our manifest says what stock cosign's says, field for field, and carries the bundle besides.
func TestManifestIsCosigns(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "vectors", "lab-interop")
	for _, name := range []string{"cosign-app.1", "cosign-app.2", "cosign-neg.1"} {
		want, err := os.ReadFile(filepath.Join(dir, name+".manifest.json"))
		if err != nil {
			t.Skipf("SKIPPED: no test vectors of other programs: %v", err)
		}
		bundle, err := os.ReadFile(filepath.Join(dir, name+".sigstore.json"))
		if err != nil {
			t.Fatal(err)
		}
		var golden v1.Manifest
		if err := json.Unmarshal(want, &golden); err != nil {
			t.Fatal(err)
		}
		a := artifact.Bundle(golden.ArtifactType, bundle, golden.Annotations[artifact.AnnotationBundlePredicateType])
		a.Annotations[v1.AnnotationCreated] = golden.Annotations[v1.AnnotationCreated]
		raw, desc, _, err := a.Manifest(*golden.Subject)
		if err != nil {
			t.Fatal(err)
		}
		ours := generic(t, raw)
		layer := ours.(map[string]any)["layers"].([]any)[0].(map[string]any)
		if got := layer["data"]; got != base64.StdEncoding.EncodeToString(bundle) {
			t.Errorf("%s: data %.100v, want the bundle", name, got)
		}
		delete(layer, "data")
		if diff := cmp.Diff(generic(t, want), ours); diff != "" {
			t.Errorf("%s (-cosign +ours):\n%s", name, diff)
		}
		r, err := artifact.ReadReferrer(artifact.Descriptor{MediaType: desc.MediaType, Digest: digest.FromBytes(want), Size: int64(len(want))}, want, golden.Subject.Digest)
		if err != nil || r.ArtifactType != golden.ArtifactType {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func generic(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

const someDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

func TestParse(t *testing.T) {
	manifest, index := v1.MediaTypeImageManifest, v1.MediaTypeImageIndex
	d := `{"mediaType":"x","digest":"` + someDigest + `","size":2}`
	for _, c := range []struct{ mediaType, raw, want string }{
		{manifest, `{"schemaVersion":2,"config":` + d + `,"layers":[` + d + `],"new":1}`, ""},
		{index, `{"schemaVersion":2,"manifests":[` + d + `]}`, ""},
		{index, `{"schemaVersion":2,"manifests":[]}`, ""},
		{manifest, `{"config":` + d + `,"layers":[],"manifests":[]}`, "both"},
		{index, `{"manifests":[],"layers":[]}`, "both"},
		{index, `{"mediaType":"` + manifest + `","manifests":[]}`, "inside"},
		{"text/html", `{}`, "no manifest and no index"},
		{manifest, `{}`, "without a media type"},
		{manifest, `{"config":` + d + `,"layers":[` + strings.Replace(d, "2}", "-2}", 1) + `]}`, "-2 bytes"},
		{manifest, `{"config":` + strings.ToUpper(d) + `,"layers":[]}`, "case"},
		{manifest, `{"config":` + strings.Replace(d, "44136fa", "44136FA", 1) + `,"layers":[]}`, "digest"},
		{manifest, `{"config":` + strings.Replace(d, "sha256:", "md5:", 1) + `,"layers":[]}`, "digest"},
		{manifest, `{"config":` + strings.Replace(d, someDigest, "sha256:../../x", 1) + `,"layers":[]}`, "digest"},
		{manifest, `{"config":` + d + `,"layers":[],"subject":{"mediaType":"x","digest":"sha512:00","size":1}}`, "digest"},
		{manifest, `{"config":` + d + `,"layers":[],"layers":[]}`, "twice"},
		{index, `{"manifests":[` + strings.Repeat(d+",", 20_000) + d + `]}`, "20001 descriptors"},
		{index, ``, "expected"},
		{index, `{"manifests":[]}` + strings.Repeat(" ", artifact.MaxManifest), "limit"},
	} {
		_, err := artifact.Parse(c.mediaType, []byte(c.raw))
		if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.100s: %v, want %q", c.raw, err, c.want)
		}
	}
}

// FuzzParse: nothing panics, and what is taken has only good descriptors and survives its own encoding.
func FuzzParse(f *testing.F) {
	d := `{"mediaType":"x","digest":"` + someDigest + `","size":2}`
	f.Add([]byte(`{"schemaVersion":2,"config":`+d+`,"layers":[`+d+`],"subject":`+d+`}`), false)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[`+d+`]}`), true)
	f.Fuzz(func(t *testing.T, raw []byte, index bool) {
		mediaType := v1.MediaTypeImageManifest
		if index {
			mediaType = v1.MediaTypeImageIndex
		}
		p, err := artifact.Parse(mediaType, raw)
		if err != nil {
			return
		}
		for _, c := range p.Children() {
			if err := artifact.CheckDescriptor(c); err != nil {
				t.Fatal(err)
			}
		}
		desc := artifact.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		if r, err := artifact.ReadReferrer(desc, raw, someDigest); err == nil && r.Subject.Digest != someDigest {
			t.Fatalf("%+v", r)
		}
	})
}

func TestVerified(t *testing.T) {
	content := []byte(strings.Repeat("selfsame", 10_000))
	want := artifact.Descriptor{Digest: digest.FromBytes(content), Size: int64(len(content))}
	flipped := bytes.Clone(content)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		r  io.Reader
		ok bool
	}{
		"good":          {bytes.NewReader(content), true},
		"byte by byte":  {iotest.OneByteReader(bytes.NewReader(content)), true},
		"EOF with data": {iotest.DataErrReader(bytes.NewReader(content)), true},
		"short":         {bytes.NewReader(content[1:]), false},
		"long":          {io.MultiReader(bytes.NewReader(content), strings.NewReader("x")), false},
		"endless":       {endless{}, false},
		"last byte":     {bytes.NewReader(flipped), false},
		"nothing":       {strings.NewReader(""), false},
	} {
		got, err := io.ReadAll(artifact.Verified(c.r, want))
		var mismatch *artifact.MismatchError
		switch {
		case c.ok && (err != nil || !bytes.Equal(got, content)):
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		case !c.ok && !errors.As(err, &mismatch):
			t.Errorf("%s: %v", name, err)
		case !c.ok && name != "long" && int64(len(got)) >= want.Size:
			t.Errorf("%s: all bytes were handed out before the failure", name)
		}
	}
	if _, err := artifact.ReadVerified(bytes.NewReader(content), want, want.Size-1); err == nil {
		t.Error("more than the limit was read")
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestCheckDigest: what is taken without go-digest is what go-digest takes as a sha256.
func TestCheckDigest(t *testing.T) {
	hex := strings.Repeat("0a", 31)
	for d, ok := range map[digest.Digest]bool{
		digest.Digest("sha256:" + hex + "9f"): true, digest.Digest("sha256:" + hex + "9F"): false, digest.Digest("sha256:" + hex + "9g"): false, digest.Digest("sha256:" + hex + "9"): false,
		digest.Digest("sha256:" + hex + "9ff"): false, digest.Digest("SHA256:" + hex + "9f"): false, digest.Digest("sha256" + hex + "9f"): false, digest.Digest(hex + "9f"): false,
		digest.Digest("sha256:" + hex + "9\n"): false, digest.Digest("sha512:" + hex + hex + "0a0a"): false, "sha256:": false, "": false,
	} {
		theirs := d.Validate() == nil && d.Algorithm() == digest.SHA256
		if err := artifact.CheckDigest(d); (err == nil) != ok || ok != theirs {
			t.Errorf("%q: %v, want ok %v; go-digest says %v", d, err, ok, theirs)
		}
	}
}

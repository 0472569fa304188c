package rebuild

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
)

// probe pushes an index of what make gives into a repository of its own.
func (w *world) probe(make func(*folder) []v1.Descriptor) string {
	w.t.Helper()
	f := newFolder(w.t)
	root, _ := f.index("", make(f)...)
	must[registry.Pushed](w.t)(w.client.Push(w.t.Context(), f.dir, root.Digest, w.host+"/probe/image:v1", nil))
	return w.host + "/probe/image@" + root.Digest.String()
}

// configured is an image for linux/amd64 with a configuration that is nobody's but the test's.
func (f *folder) configured(config string) v1.Descriptor {
	f.t.Helper()
	d := f.put(v1.MediaTypeImageManifest, encode(f.t, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: f.put(v1.MediaTypeImageConfig, []byte(config)), Layers: []v1.Descriptor{},
	}))
	d.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	return d
}

// nested is an index where an image for linux/amd64 is expected.
func (f *folder) nested() v1.Descriptor {
	f.t.Helper()
	d := f.put(v1.MediaTypeImageIndex, encode(f.t, v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{f.image("amd64", "/a")},
	}))
	d.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	return d
}

// TestNoDecoyOfThem: of what no honest decoy can be made, nothing is pushed.
func TestNoDecoyOfThem(t *testing.T) {
	of := func(make func(*folder) []v1.Descriptor) func(*world, *Decoy) {
		return func(w *world, d *Decoy) { d.Image = w.probe(make) }
	}
	with := func(config string) func(*world, *Decoy) {
		return of(func(f *folder) []v1.Descriptor { return []v1.Descriptor{f.configured(config)} })
	}
	for name, c := range map[string]struct {
		change func(*world, *Decoy)
		code   diag.Code
		says   string
	}{
		"the image is not there": {func(w *world, d *Decoy) { d.Image = w.host + "/probe/none:v1" }, "A0513", "/probe/none"},
		"the build is not there": {func(w *world, d *Decoy) { d.Build = w.host + "/probe/none:v1" }, "A0513", "/probe/none"},
		"to a digest":            {func(w *world, d *Decoy) { d.To += "@" + digest.FromString("x").String() }, "A0514", ""},
		"beside the image": {func(w *world, d *Decoy) {
			d.Image, d.To = w.probe(func(f *folder) []v1.Descriptor { return []v1.Descriptor{f.image("amd64", "/a")} }), w.host+"/probe/image:v2"
		}, "A0316", "beside images"},
		"beside the build": {func(w *world, d *Decoy) {
			d.Image, d.To = w.probe(func(f *folder) []v1.Descriptor { return []v1.Descriptor{f.image("amd64", "/a")} }), w.host+"/team/shop:v2"
		}, "A0316", "beside images"},
		"over another image": {func(w *world, d *Decoy) {
			d.To = w.host + "/probe/image:v1"
			w.probe(func(f *folder) []v1.Descriptor { return []v1.Descriptor{f.image("amd64", "/a")} })
		}, "A0316", "there is an image at"},
		"where it cannot be seen what there is": {func(w *world, d *Decoy) {
			w.spoil = func(rw http.ResponseWriter, r *http.Request) bool {
				hit := strings.HasSuffix(r.URL.Path, "/probe/fetch/manifests/v3")
				if hit {
					rw.WriteHeader(http.StatusForbidden)
				}
				return hit
			}
		}, "A0510", ""},
		"the image of one platform": {func(w *world, d *Decoy) {
			got := must[registry.Resolved](w.t)(w.client.Resolve(w.t.Context(), d.Image))
			d.Image = got.Repository.Name() + "@" + got.Parsed.Index.Manifests[0].Digest.String()
		}, "A0316", "both have to be whole images"},
		"another platform": {of(func(f *folder) []v1.Descriptor { return []v1.Descriptor{f.image("arm64", "/a")} }), "A0316", "for different platforms"},
		"a platform more": {of(func(f *folder) []v1.Descriptor {
			return []v1.Descriptor{f.image("amd64", "/a"), f.image("arm64", "/a")}
		}), "A0316", "for different platforms"},
		"no platform": {of(func(f *folder) []v1.Descriptor {
			d := f.image("amd64", "/a")
			d.Platform = nil
			return []v1.Descriptor{d}
		}), "A0316", "for different platforms"},
		"the same for one platform": {func(w *world, d *Decoy) {
			got := must[registry.Resolved](w.t)(w.client.Resolve(w.t.Context(), d.Build))
			same := got.Parsed.Index.Manifests[0]
			d.Image = w.probe(func(f *folder) []v1.Descriptor {
				_, raw, err := got.Repository.Manifest(w.t.Context(), same.Digest)
				must[[]byte](w.t)(raw, err)
				f.put(v1.MediaTypeImageConfig, []byte(`{"author":"","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`))
				f.put(v1.MediaTypeImageManifest, raw)
				same.Annotations = map[string]string{"note": "another index"}
				return []v1.Descriptor{same}
			})
		}, "A0316", "they are the same image for linux/amd64"},
		"an index in the index":      {of(func(f *folder) []v1.Descriptor { return []v1.Descriptor{f.nested()} }), "A0316", "no image of one platform"},
		"another number of layers":   {with(`{"rootfs":{"diff_ids":["` + digest.FromString("x").String() + `"]}}`), "A0316", "not as many layers"},
		"a configuration of no JSON": {with(`{`), "A0316", "the configuration of"},
		"a layer that is no digest":  {with(`{"rootfs":{"diff_ids":["sha256:x"]}}`), "A0316", "the configuration of"},
		"a seal that is nowhere named": {func(w *world, d *Decoy) {
			w.mark, w.sealed, w.sealAt = "three", nil, w.host+"/seals/none"
			w.noSeal = true
			d.Build = w.publish()
		}, "A0520", "/seals/none"},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := decoys(t)
			c.change(w, &d)
			pushed := false
			before := w.spoil
			w.spoil = func(rw http.ResponseWriter, r *http.Request) bool {
				pushed = pushed || r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
				return before != nil && before(rw, r)
			}
			_, err := d.Push(t.Context(), w.client)
			if list := diag.All(err); len(list) == 0 || list[0].Code != c.code || !strings.Contains(err.Error()+strings.Join(whys(list), " "), c.says) {
				t.Errorf("%v, want %s %s", err, c.code, c.says)
			}
			if pushed {
				t.Error("something was pushed all the same")
			}
		})
	}
}

func whys(list diag.List) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Why)
	}
	return out
}

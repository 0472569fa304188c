package rebuild

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// folder is an OCI layout to put images and an index in.
type folder struct {
	t   *testing.T
	dir string
	out *layout.Layout
}

func newFolder(t *testing.T) *folder {
	dir := t.TempDir()
	return &folder{t, dir, must[*layout.Layout](t)(layout.Create(dir))}
}

func (f *folder) put(mediaType string, data []byte) v1.Descriptor {
	f.t.Helper()
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := f.out.PutBlob(f.t.Context(), d, strings.NewReader(string(data))); err != nil {
		f.t.Fatal(err)
	}
	return d
}

// image is one without layers, for linux/ARCH, which runs a program.
func (f *folder) image(arch, program string) v1.Descriptor {
	f.t.Helper()
	config := f.put(v1.MediaTypeImageConfig, fmt.Appendf(nil,
		`{"os":"linux","architecture":%q,"config":{"Cmd":[%q]},"rootfs":{"type":"layers","diff_ids":[]}}`, arch, program))
	d := f.put(v1.MediaTypeImageManifest, encode(f.t, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{},
	}))
	d.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	return d
}

func (f *folder) index(note string, list ...v1.Descriptor) (v1.Descriptor, []byte) {
	f.t.Helper()
	ix := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: list}
	if note != "" {
		ix.Annotations = map[string]string{"note": note}
	}
	raw := encode(f.t, ix)
	d := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := f.out.Add(f.t.Context(), d, raw); err != nil {
		f.t.Fatal(err)
	}
	return d, raw
}

// TestWhatAnIndexListsCounts: whoever publishes an index cannot have an entry in it that an audit overlooks, nor one that keeps the audit
// from saying that the image differs.
func TestWhatAnIndexListsCounts(t *testing.T) {
	const attestation = "vnd.docker.reference.type"
	for name, c := range map[string]struct {
		note  string
		entry func(good, evil v1.Descriptor) []v1.Descriptor
		gone  bool // the entry's manifest cannot be fetched
		level provenance.Level
	}{
		"the same but for the index": {"x", func(good, _ v1.Descriptor) []v1.Descriptor { return []v1.Descriptor{good} }, false, provenance.LevelConfig},
		"a platform that calls itself an attestation": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.Annotations = map[string]string{attestation: "attestation-manifest"}
			return []v1.Descriptor{good, evil}
		}, false, ""},
		"one of no known platform": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
			return []v1.Descriptor{evil, good}
		}, false, ""},
		"one that calls itself an artifact": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.ArtifactType = "application/vnd.example.sbom"
			return []v1.Descriptor{good, evil}
		}, false, ""},
		"one for the same platform": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.Platform = good.Platform
			return []v1.Descriptor{good, evil}
		}, false, ""},
		"one without a platform": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.Platform = nil
			return []v1.Descriptor{good, evil}
		}, false, ""},
		"one whose platform is called as the index is in reports": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.Platform = &v1.Platform{OS: compare.IndexPlatform}
			return []v1.Descriptor{good, evil}
		}, false, ""},
		"one that is gone": {"", func(good, evil v1.Descriptor) []v1.Descriptor { return []v1.Descriptor{good, evil} }, true, ""},
		"our platform with another configuration's": {"", func(good, evil v1.Descriptor) []v1.Descriptor {
			evil.Platform = good.Platform
			return []v1.Descriptor{evil}
		}, false, provenance.LevelDiffIDs},
	} {
		t.Run(name, func(t *testing.T) {
			w, theirs, ours := newWorld(t), newFolder(t), newFolder(t)
			evil := theirs.image("arm64", "/evil")
			root, _ := theirs.index(c.note, c.entry(theirs.image("amd64", "/good"), evil)...)
			pushed := must[registry.Pushed](t)(w.client.Push(t.Context(), theirs.dir, root.Digest, w.host+"/team/shop:v1", nil))
			got := must[registry.Resolved](t)(w.client.Resolve(t.Context(), pushed.Repository.Name()+"@"+root.Digest.String()))
			if c.gone {
				w.spoil = func(rw http.ResponseWriter, r *http.Request) bool {
					hit := strings.HasSuffix(r.URL.Path, evil.Digest.String())
					if hit {
						http.NotFound(rw, r)
					}
					return hit
				}
			}
			good := ours.image("amd64", "/good")
			index, raw := ours.index("", good)
			rep := &builder.Repetition{
				Dir: ours.dir, Index: index, Bytes: raw, Images: []provenance.Image{{Platform: "linux/amd64", Manifest: good}},
				Builders: []provenance.Twin{{Name: "R"}},
			}
			res := &Result{Digest: root.Digest, Rebuilt: Rebuilt{Digest: index.Digest}, builders: rep.Builders}
			o := Options{}.withDefaults()
			if err := w.auditor().compare(t.Context(), o, got, &Sandbox{Dir: t.TempDir()}, rep, res); err != nil {
				t.Fatal(err)
			}
			if res.Level != c.level || res.Verdict != Different || res.Report == nil {
				t.Fatalf("level %q, %s, want %q", res.Level, res.Verdict, c.level)
			}
			list, err := res.statements(o, got, verify.Origin{Name: w.name, Payload: root.Digest})
			if err != nil || len(list) == 0 || list[0].Subject.Digest != root.Digest {
				t.Errorf("no finding can be signed: %v, %v", list, err)
			}
		})
	}
}

// layered is an image with one layer, an empty tar of this many blocks.
func (f *folder) layered(arch string, blocks int) v1.Descriptor {
	f.t.Helper()
	layer := f.put(v1.MediaTypeImageLayer, make([]byte, 512*blocks))
	config := f.put(v1.MediaTypeImageConfig, fmt.Appendf(nil, `{"os":"linux","architecture":%q,"rootfs":{"type":"layers","diff_ids":[%q]}}`, arch, layer.Digest))
	d := f.put(v1.MediaTypeImageManifest, encode(f.t, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{layer},
	}))
	d.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	return d
}

// TestRoomForWhatWasPublished: all platforms of the published image together have the audit's disk, and a layer of two of them is there once.
func TestRoomForWhatWasPublished(t *testing.T) {
	for name, c := range map[string]struct {
		blocks []int // of each platform's layer
		disk   int64
		code   diag.Code
	}{
		"enough for both":   {[]int{4, 6}, 512 * 10, ""},
		"for each alone":    {[]int{4, 6}, 512 * 9, "A0804"},
		"one layer of both": {[]int{4, 4}, 512 * 4, ""},
	} {
		w, theirs, ours := newWorld(t), newFolder(t), newFolder(t)
		var published []v1.Descriptor
		rep := &builder.Repetition{Dir: ours.dir, Builders: []provenance.Twin{{Name: "R"}}}
		var made []v1.Descriptor
		for i, arch := range []string{"amd64", "arm64"} {
			published = append(published, theirs.layered(arch, c.blocks[i]))
			d := ours.layered(arch, 2)
			made = append(made, d)
			rep.Images = append(rep.Images, provenance.Image{Platform: "linux/" + arch, Manifest: d})
		}
		root, _ := theirs.index("", published...)
		rep.Index, rep.Bytes = ours.index("", made...)
		must[registry.Pushed](t)(w.client.Push(t.Context(), theirs.dir, root.Digest, w.host+"/team/shop:v1", nil))
		got := must[registry.Resolved](t)(w.client.Resolve(t.Context(), w.host+"/team/shop@"+root.Digest.String()))
		res := &Result{Digest: root.Digest, Rebuilt: Rebuilt{Digest: rep.Index.Digest}, builders: rep.Builders}
		err := w.auditor().compare(t.Context(), Options{DiskBytes: c.disk}.withDefaults(), got, &Sandbox{Dir: t.TempDir()}, rep, res)
		list := diag.All(err)
		if c.code == "" && err != nil || c.code != "" && (len(list) == 0 || list[0].Code != c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAMismatchIsOfWhatDiffers: of the platforms that are as equal as was asked for, and of one that was never published, no difference is
// stated.
func TestAMismatchIsOfWhatDiffers(t *testing.T) {
	w, f := newWorld(t), newFolder(t)
	root, _ := f.index("", f.image("amd64", "/a"), f.image("arm64", "/b"))
	must[registry.Pushed](t)(w.client.Push(t.Context(), f.dir, root.Digest, w.host+"/team/shop:v1", nil))
	got := must[registry.Resolved](t)(w.client.Resolve(t.Context(), w.host+"/team/shop@"+root.Digest.String()))
	list := got.Parsed.Index.Manifests
	other := digest.FromString("other")
	for level, want := range map[provenance.Level]int{provenance.LevelManifest: 3, provenance.LevelConfig: 2} {
		r := &Result{
			Digest: root.Digest, Verdict: Different, Rebuilt: Rebuilt{Digest: other}, builders: []provenance.Twin{{Name: "R"}},
			Platforms: []Platform{
				{Platform: "linux/amd64", Original: list[0].Digest, Rebuilt: other, Level: provenance.LevelConfig, subject: list[0]},
				{Platform: "linux/arm64", Original: list[1].Digest, Rebuilt: other, subject: list[1]},
				{Platform: "linux/riscv64", Rebuilt: other},
			},
		}
		made, err := r.statements(Options{Level: level}.withDefaults(), got, verify.Origin{Name: w.name, Payload: root.Digest})
		if err != nil || len(made) != want || made[want-1].Subject.Digest != list[1].Digest {
			t.Errorf("%s: %d statements, want %d: %v", level, len(made), want, err)
		}
	}
}

// TestOutOfTime: whatever layer notices that the time is over, and in whatever words, it is the audit's limit that is named.
func TestOutOfTime(t *testing.T) {
	w := newWorld(t)
	o := Options{Release: signing.Trust{Keys: []*signing.Verifier{w.release.Verifier()}}, Timeout: 300 * time.Millisecond}
	o.Reference = w.publish()
	a := w.auditor()
	a.Sandbox = func(ctx context.Context) (*Sandbox, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("reading a socket: i/o timeout")
	}
	_, err := a.Audit(t.Context(), o)
	if list := diag.All(err); len(list) == 0 || list[0].Code != "A0805" {
		t.Error(err)
	}
	// Who interrupts it is not told of a limit.
	ctx, stop := context.WithCancelCause(t.Context())
	gone := errors.New("interrupted")
	a.Sandbox = func(context.Context) (*Sandbox, error) { stop(gone); return nil, gone }
	if _, err := a.Audit(ctx, o); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// TestGrade: two indexes of other bytes are not the same bit for bit, whatever of them was found to be equal.
func TestGrade(t *testing.T) {
	r := &Result{Platforms: []Platform{{Platform: "linux/amd64", Level: provenance.LevelManifest}}}
	r.grade([]compare.Report{{Platform: "linux/amd64", Level: compare.LevelManifest}})
	if r.Level != provenance.LevelConfig || r.Platforms[0].Level != provenance.LevelManifest {
		t.Errorf("%q, %q", r.Level, r.Platforms[0].Level)
	}
}

// TestWhoIsBelieved: nothing is audited for nobody, and an identity counts only against a root.
func TestWhoIsBelieved(t *testing.T) {
	rule, err := trust.ExactIdentity("https://login.example", "release@example.com")
	if err != nil {
		t.Fatal(err)
	}
	root, rules, keys := &signing.Root{}, []trust.IdentityRule{rule}, []*signing.Verifier{newSigner(t).Verifier()}
	may := func(roles ...trust.Role) []trust.Signer {
		return []trust.Signer{{Keys: []trust.Key{keys[0].Key()}, Roles: roles}}
	}
	for name, c := range map[string]struct {
		o    Options
		exit int
	}{
		"nobody":                     {Options{}, diag.ExitUsage},
		"a root vouches for anybody": {Options{Release: signing.Trust{Root: root}}, diag.ExitUsage},
		"an identity without a root": {Options{Identities: rules}, diag.ExitUsage},
		"an identity":                {Options{Release: signing.Trust{Root: root}, Identities: rules}, diag.ExitProven},
		"a key":                      {Options{Release: signing.Trust{Keys: keys}}, diag.ExitProven},
		"a file without release":     {Options{Release: signing.Trust{Keys: keys, Root: root}, Signers: may(trust.Rebuilder)}, diag.ExitUsage},
		"a file of nobody":           {Options{Release: signing.Trust{Keys: keys}, Signers: []trust.Signer{}}, diag.ExitUsage},
		"a file":                     {Options{Release: signing.Trust{Keys: keys}, Signers: may(trust.Rebuilder, trust.Release)}, diag.ExitProven},
	} {
		if err := c.o.withDefaults().check(); diag.ExitCode(err) != c.exit {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package debian

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

func resolved(t *testing.T) (*inputs.Store, []lock.Entry) {
	t.Helper()
	f, store := newFake(t, here), newStore(t)
	_, entries, err := Resolve(t.Context(), f, store, options(t, f, "curl"))
	if err != nil {
		t.Fatal(err)
	}
	return store, entries
}

func names(t *testing.T, store *inputs.Store, image ocispec.Descriptor) (l []string) {
	t.Helper()
	r, _, err := store.Open(layerOf(t, store, image).Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return l
		}
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, h.Name)
	}
}

func TestAssemble(t *testing.T) {
	store, entries := resolved(t)
	var first Assembled
	for i := range 6 {
		l := slices.Clone(entries)
		rand.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
		tmp := t.TempDir()
		a, err := Assemble(t.Context(), store, l, AssembleOptions{Arch: "amd64", Epoch: now, TempDir: tmp, Workers: i})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = a
		}
		if d := cmp.Diff(first, a); d != "" {
			t.Errorf("another order gives another image: %s", d)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
	got := names(t, store, first.Rootfs)
	for _, want := range []string{"bin", "usr/bin/curl", "usr/bin/mawk", "usr/share/doc/libc6/copyright"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %v", want, got)
		}
	}
	debs := names(t, store, first.Debs)
	if len(debs) != 7 || debs[0] != "debs/" || debs[1] != "debs/apt_3.0_amd64.deb" || !slices.IsSorted(debs) {
		t.Errorf("packages %v", debs)
	}
}

// TestAssembleGolden holds the bytes: a change of library or code that moves them must be seen, and `assembly` be raised.
func TestAssembleGolden(t *testing.T) {
	store, entries := resolved(t)
	a, err := Assemble(t.Context(), store, entries, AssembleOptions{Arch: "amd64", Epoch: now, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	const want = "sha256:a31f047d547c53d71b80e0de62cab6f20940d1c054d3ad32c700292db60a9673"
	if got := layerOf(t, store, a.Rootfs).Digest; got != want {
		t.Errorf("the layer is %s", got)
	}
}

func TestAssembleRemembers(t *testing.T) {
	store, entries := resolved(t)
	o := AssembleOptions{Arch: "amd64", Epoch: now, TempDir: t.TempDir(), CacheDir: filepath.Join(t.TempDir(), "cache")}
	assemble := func(wantCached bool) Assembled {
		t.Helper()
		a, err := Assemble(t.Context(), store, entries, o)
		if err != nil || a.Cached != wantCached {
			t.Fatalf("cached %v, %v", a.Cached, err)
		}
		return a
	}
	a := assemble(false)
	assemble(true)
	o.Epoch = now.AddDate(1, 0, 0) // every file is older than both
	if b := assemble(true); b.Rootfs.Digest != a.Rootfs.Digest {
		t.Error("another image")
	}
	o.Epoch = time.Unix(1_600_000_000, 0) // older than the files
	old := assemble(false)
	assemble(true)
	if old.Rootfs.Digest == a.Rootfs.Digest {
		t.Error("times are not clamped")
	}
	o.Epoch = now
	assemble(true)
	o.Arch = "arm64"
	assemble(false)
	o.Arch = "amd64"
	if err := store.Remove(layerOf(t, store, a.Rootfs).Digest); err != nil {
		t.Fatal(err)
	}
	assemble(false)
}

func TestAssembleRefuses(t *testing.T) {
	store, good := resolved(t)
	put := func(data []byte) lock.Entry {
		b, err := store.PutBytes(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		return lock.Entry{Kind: lock.KindDeb, Key: "http://h/pool/evil_1_all.deb", Digest: b.Digest, Size: b.Size}
	}
	evil := func(h tar.Header) lock.Entry {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return put(debOf(t, "Package: x\n", b.Bytes()))
	}
	twin := put([]byte("x"))
	twin.Key = good[0].Key
	tests := map[string]struct {
		entry lock.Entry
		code  diag.Code
	}{
		"upward path":      {evil(tar.Header{Name: "../../etc/passwd"}), "A0718"},
		"device":           {evil(tar.Header{Name: "dev/mem", Typeflag: tar.TypeChar}), "A0718"},
		"no package":       {put([]byte("rubbish")), "A0718"},
		"two of one name":  {twin, "A0718"},
		"not called a deb": {lock.Entry{Kind: lock.KindDeb, Key: "http://h/pool/evil", Digest: twin.Digest}, "A0718"},
		"not in the store": {lock.Entry{Kind: lock.KindDeb, Key: "http://h/pool/a.deb", Digest: "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Assemble(t.Context(), store, append(slices.Clone(good), tt.entry), AssembleOptions{Arch: "amd64", Epoch: now, TempDir: t.TempDir()})
			d := diag.All(err)
			if tt.code == "" && !errors.Is(err, inputs.ErrMissing) || tt.code != "" && (len(d) != 1 || d[0].Code != tt.code) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Assemble(t.Context(), store, nil, AssembleOptions{Arch: "amd64", TempDir: t.TempDir()}); err == nil {
		t.Error("made a base of nothing")
	}
	if _, err := Assemble(t.Context(), store, good, AssembleOptions{Arch: "amd64"}); err == nil {
		t.Error("made a base without a folder to work in")
	}
}

// TestAssembleDamagedStore: bytes that changed on disk are noticed although nothing in them is malformed.
func TestAssembleDamagedStore(t *testing.T) {
	store, entries := resolved(t)
	i := slices.IndexFunc(entries, func(e lock.Entry) bool { return strings.Contains(e.Key, "libc6") })
	path := filepath.Join(store.Dir(), "blobs", "sha256", entries[i].Digest.Encoded())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte("#!2.40"), []byte("#!2.41"), 1)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Assemble(t.Context(), store, entries, AssembleOptions{Arch: "amd64", Epoch: now, TempDir: t.TempDir()}); !errors.Is(err, inputs.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestConfigureScript(t *testing.T) {
	s, err := ConfigureScript(recipes.Debian{Suite: "trixie"})
	if err != nil {
		t.Fatal(err)
	}
	const sources = `Types: deb
URIs: http://debian.invalid/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://debian.invalid/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
`
	if !strings.Contains(s, sources) || strings.Contains(s, "@") && strings.Contains(s, "@DEBS@") {
		t.Errorf("script:\n%s", s)
	}
	if strings.Contains(s, "Check-Valid-Until") {
		t.Error("the image would not check Valid-Until")
	}
	c := exec.CommandContext(t.Context(), "sh", "-n")
	c.Stdin = strings.NewReader(s)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("sh -n: %v: %s", err, out)
	}
	own, err := ConfigureScript(recipes.Debian{Suite: "sid", Mirror: "https://m.example/pub/debian/"})
	if err != nil || !strings.Contains(own, "URIs: https://m.example/pub/debian\nSuites: sid\n") || strings.Contains(own, "security") {
		t.Errorf("%v:\n%s", err, own)
	}
	for _, bad := range []recipes.Debian{{Suite: "x\nrm -rf /"}, {Suite: ""}, {Suite: "trixie", Mirror: "http://h/$(id)"}, {Suite: "trixie", Mirror: "http://h/\nSOURCES"}} {
		if _, err := ConfigureScript(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestConfig(t *testing.T) {
	data, err := Config(recipes.Debian{}, Arch("linux/arm/v7"))
	if err != nil {
		t.Fatal(err)
	}
	var c ocispec.Image
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	want := ocispec.Image{Platform: ocispec.Platform{Architecture: "arm", OS: "linux", Variant: "v7"}, Config: ocispec.ImageConfig{Env: []string{"PATH=" + DefaultPath}, Cmd: []string{"bash"}}, RootFS: ocispec.RootFS{Type: "layers"}}
	if d := cmp.Diff(want, c, cmp.Comparer(func(a, b ocispec.RootFS) bool { return a.Type == b.Type && len(a.DiffIDs) == len(b.DiffIDs) })); d != "" {
		t.Error(d)
	}
	if _, err := Config(recipes.Debian{}, Arch("windows/amd64")); err == nil {
		t.Error("Debian for Windows")
	}
}

func TestMirrors(t *testing.T) {
	for in, want := range map[string]Mirrors{
		"http://h/debian":          {"http://h/debian", "http://h/debian-security"},
		"https://h/pub/debian/":    {"https://h/pub/debian", "https://h/pub/debian-security"},
		"http://h:8080/a/b/debian": {"http://h:8080/a/b/debian", "http://h:8080/a/b/debian-security"},
		"http://h":                 {"http://h", "http://h/debian-security"},
		"ftp://h/debian":           {}, "h/debian": {}, "http://u:p@h/debian": {}, "http://h/debian?x": {}, "http://h/a b": {}, "http://h/'": {}, "": {},
	} {
		got, err := MirrorsAt(in)
		if d := cmp.Diff(want, got); d != "" || (err == nil) != (want.Main != "") {
			t.Errorf("%q: %s, %v", in, d, err)
		}
	}
	image, err := ImageMirrors(recipes.Debian{})
	if err != nil {
		t.Fatal(err)
	}
	actual := Mirrors{"http://m/debian", "http://s/sec"}
	for in, want := range map[string]string{
		"http://debian.invalid/debian/pool/a.deb":       "http://m/debian/pool/a.deb",
		"http://debian.invalid/debian-security/dists/x": "http://s/sec/dists/x",
		"http://debian.invalid/debian":                  "",
		"http://other/debian/x":                         "",
	} {
		got, ok := image.Locate(in, actual)
		if ok != (want != "") || ok && got != want || !ok && got != in {
			t.Errorf("%s is at %s, %v", in, got, ok)
		}
	}
}

func TestSystemMirror(t *testing.T) {
	f := newFake(t, here)
	for url, data := range f.files { // a separate host for security, and another distribution
		if strings.Contains(url, "debian-security") {
			f.files[strings.Replace(url, "mirror.test", "sec.test", 1)] = data
		}
	}
	f.files["http://ubuntu.test/ubuntu/dists/noble/InRelease"] = []byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Ubuntu\nLabel: Ubuntu\n")
	list := func(lines ...string) fstest.MapFS {
		return fstest.MapFS{"etc/apt/sources.list": {Data: []byte(strings.Join(lines, "\n"))}}
	}
	ubuntu := "deb http://ubuntu.test/ubuntu noble main"
	mirror, security := "deb http://mirror.test/debian trixie main", "deb http://sec.test/debian-security trixie-security main"
	tests := []struct {
		root fstest.MapFS
		want Mirrors
	}{
		{list(ubuntu, mirror, security), Mirrors{here, "http://sec.test/debian-security"}},
		{list(security, mirror), Mirrors{here, "http://sec.test/debian-security"}},
		{list(mirror), Mirrors{here, "http://mirror.test/debian-security"}},
		{list("deb http://gone.test/debian trixie main", mirror), Mirrors{here, "http://mirror.test/debian-security"}},
		{list(ubuntu), Mirrors{}},
		{list(), Mirrors{}},
	}
	for i, tt := range tests {
		got, err := SystemMirror(t.Context(), f, tt.root)
		if d := cmp.Diff(tt.want, got); d != "" || (err == nil) != (tt.want.Main != "") {
			t.Errorf("%d: %s, %v", i, d, err)
		}
		if d := diag.All(err); err != nil && (len(d) != 1 || d[0].Code != "A0710") {
			t.Errorf("%d: %v", i, err)
		}
	}
	if len(AptSealedConf()) == 0 {
		t.Error("no apt configuration")
	}
}

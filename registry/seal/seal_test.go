package seal_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/registry/seal"
)

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// memory is a store of inputs.
type memory struct {
	mu    sync.Mutex
	blobs map[digest.Digest][]byte
}

func newMemory() *memory { return &memory{blobs: map[digest.Digest][]byte{}} }

func (m *memory) Has(d digest.Digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.blobs[d]
	return ok
}

func (m *memory) Put(_ context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := digest.FromBytes(raw)
	m.blobs[d] = raw
	return d, nil
}

func (m *memory) Open(d digest.Digest) (io.ReadCloser, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, ok := m.blobs[d]
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(raw)), int64(len(raw)), nil
}

// inputs fills a store with n small blobs, one of them empty, and a few large ones.
func inputs(t *testing.T, n, large int) (*memory, []seal.Blob, []digest.Digest) {
	t.Helper()
	m := newMemory()
	var blobs []seal.Blob
	var all []digest.Digest
	for i := range n + large {
		raw := []byte(strings.Repeat(fmt.Sprintf("input %d ", i), i%50))
		if i >= n {
			raw = bytes.Repeat(fmt.Appendf(nil, "%07d\n", i), 150_000)
		}
		d, err := m.Put(t.Context(), bytes.NewReader(raw), 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, seal.Blob{Digest: d, Size: int64(len(raw)), MediaType: "application/octet-stream", Title: fmt.Sprintf("http://debian.invalid/%d", i)})
		all = append(all, d)
	}
	return m, blobs, all
}

func repository(t *testing.T, opts local.Options) *registry.Repository {
	t.Helper()
	opts.Dir = t.TempDir()
	h, err := local.Handler(opts)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	r, err := registry.New(registry.Options{Keychain: anonymous{}}).Repository(strings.TrimPrefix(s.URL, "http://") + "/seals")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var image = artifact.Descriptor{MediaType: "application/vnd.oci.image.index.v1+json", Digest: digest.FromString("image"), Size: 5}

func TestSealAndRestore(t *testing.T) {
	for _, c := range []struct{ small, large, layers int }{{20, 1, 21}, {750, 2, 3}} {
		for _, noAPI := range []bool{false, true} {
			repo := repository(t, local.Options{NoReferrersAPI: noAPI})
			from, blobs, want := inputs(t, c.small, c.large)
			parts, err := seal.Push(t.Context(), repo, image, blobs, from)
			if err != nil {
				t.Fatal(err)
			}
			again, err := seal.Push(t.Context(), repo, image, append(blobs[5:], blobs[:5]...), from)
			if err != nil || len(again) != len(parts) || again[0].Digest != parts[0].Digest {
				t.Errorf("sealing again: %v, %v, want %v", again, err, parts)
			}
			_, raw, err := repo.Manifest(t.Context(), parts[0].Digest)
			if err != nil {
				t.Fatal(err)
			}
			p, err := artifact.Parse(parts[0].MediaType, raw)
			// Every 50th input is empty: equal blobs are one.
			if err != nil || len(p.Manifest.Layers) != c.layers {
				t.Errorf("%d inputs in %d layers, want %d: %v", c.small+c.large, len(p.Manifest.Layers), c.layers, err)
			}
			to := newMemory()
			if err := seal.Pull(t.Context(), repo, image.Digest, want, to); err != nil {
				t.Fatal(err)
			}
			for _, d := range want {
				if !bytes.Equal(to.blobs[d], from.blobs[d]) {
					t.Fatalf("%s is not what was sealed", d)
				}
			}
		}
	}
}

// TestRestoreSome fetches only what is asked for and lacking.
func TestRestoreSome(t *testing.T) {
	repo := repository(t, local.Options{})
	from, blobs, want := inputs(t, 10, 0)
	if _, err := seal.Push(t.Context(), repo, image, blobs, from); err != nil {
		t.Fatal(err)
	}
	to := newMemory()
	if err := seal.Pull(t.Context(), repo, image.Digest, want[3:4], to); err != nil || len(to.blobs) != 1 {
		t.Errorf("%d blobs, %v", len(to.blobs), err)
	}
	err := seal.Pull(t.Context(), repo, image.Digest, []digest.Digest{want[4], digest.FromString("other")}, to)
	if diag.ExitCode(err) != diag.ExitMissing || !strings.Contains(err.Error(), digest.FromString("other").String()) {
		t.Errorf("%v", err)
	}
	err = seal.Pull(t.Context(), repo, digest.FromString("unsealed"), want[:1], newMemory())
	if diag.ExitCode(err) != diag.ExitMissing {
		t.Errorf("%v", err)
	}
}

// TestSealOfMissingInput: an input that the store lacks, or that is something else, is not sealed.
func TestSealOfMissingInput(t *testing.T) {
	repo := repository(t, local.Options{})
	for _, n := range []int{5, 600} {
		from, blobs, _ := inputs(t, n, 0)
		from.blobs[blobs[3].Digest] = []byte("damaged")
		if _, err := seal.Push(t.Context(), repo, image, blobs, from); err == nil {
			t.Errorf("%d inputs: sealed a damaged one", n)
		}
		delete(from.blobs, blobs[3].Digest)
		if _, err := seal.Push(t.Context(), repo, image, blobs, from); err == nil {
			t.Errorf("%d inputs: sealed a missing one", n)
		}
	}
	l, err := repo.Referrers(t.Context(), image.Digest, artifact.Budget{})
	if err != nil || len(l.Referrers) != 0 {
		t.Errorf("%d referrers, %v", len(l.Referrers), err)
	}
}

// TestForgedSeal: contents lists that point outside of their layers, or lie about what is there, give nothing.
func TestForgedSeal(t *testing.T) {
	good := []byte("the input that is wanted")
	want := digest.FromBytes(good)
	for name, list := range map[string]string{
		"offset past the end": `{"version":1,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":24,"mediaType":"x","layer":0,"offset":9}]}`,
		"offset overflows":    `{"version":1,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":24,"mediaType":"x","layer":0,"offset":9223372036854775800}]}`,
		"negative":            `{"version":1,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":-1,"mediaType":"x","layer":0,"offset":1}]}`,
		"no such layer":       `{"version":1,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":24,"mediaType":"x","layer":7}]}`,
		"other bytes":         `{"version":1,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":24,"mediaType":"x","layer":0,"offset":1}]}`,
		"another version":     `{"version":2,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":24,"mediaType":"x","layer":0}]}`,
		"unknown field":       `{"version":1,"x":1,"part":1,"parts":1,"whole":"","blobs":[]}`,
	} {
		repo := repository(t, local.Options{})
		layer := []byte("x" + strings.ToUpper(string(good)) + "xxxx")
		if strings.Contains(list, "%s") {
			list = fmt.Sprintf(list, want)
		}
		forge(t, repo, []byte(list), layer)
		to := newMemory()
		if err := seal.Pull(t.Context(), repo, image.Digest, []digest.Digest{want}, to); err == nil || len(to.blobs) != 0 {
			t.Errorf("%s: %d blobs, %v", name, len(to.blobs), err)
		}
	}
}

func forge(t *testing.T, repo *registry.Repository, config, layer []byte) {
	t.Helper()
	content := func(mediaType string, raw []byte) registry.Content {
		return registry.Content{
			Descriptor: artifact.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))},
			Open:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
		}
	}
	c := registry.Composite{Blobs: []registry.Content{content(seal.ConfigMediaType, config), content(seal.PackMediaType, layer)}}
	c.Manifest.SchemaVersion, c.Manifest.MediaType = 2, "application/vnd.oci.image.manifest.v1+json"
	c.Manifest.ArtifactType, c.Manifest.Subject = seal.ArtifactType, &image
	c.Manifest.Config = c.Blobs[0].Descriptor
	c.Manifest.Layers = []artifact.Descriptor{c.Blobs[1].Descriptor}
	if _, err := repo.AttachComposite(t.Context(), image, c); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreTogether: blobs do not wait for each other.
func TestRestoreTogether(t *testing.T) {
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	from, blobs, want := inputs(t, 3, 0)
	var under atomic.Int32
	var together atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, blob := strings.Cut(r.URL.Path, "/blobs/")
		if blob && r.Method == http.MethodGet && slices.Contains(want, digest.Digest(name)) {
			if under.Add(1) > 1 {
				together.Store(true)
			}
			defer under.Add(-1)
			for n := 0; n < 3000 && !together.Load(); n++ { // half a minute: a machine may have much else to do
				time.Sleep(10 * time.Millisecond)
			}
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	repo, err := registry.New(registry.Options{Keychain: anonymous{}}).Repository(strings.TrimPrefix(s.URL, "http://") + "/seals")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Push(t.Context(), repo, image, blobs, from); err != nil {
		t.Fatal(err)
	}
	if err := seal.Pull(t.Context(), repo, image.Digest, want, newMemory()); err != nil || !together.Load() {
		t.Errorf("two at one time: %v, %v", together.Load(), err)
	}
}

// TestOneBlobOnce: a part that has one blob in many layers gets it fetched, and counted by whoever bounds what is stored, once.
func TestOneBlobOnce(t *testing.T) {
	repo := repository(t, local.Options{})
	raw := []byte("the input that is wanted")
	want := digest.FromBytes(raw)
	var c registry.Composite
	var list []string
	d := artifact.Descriptor{MediaType: "x", Digest: want, Size: int64(len(raw))}
	for n := range 8 {
		list = append(list, fmt.Sprintf(`{"digest":"%s","size":%d,"mediaType":"x","layer":%d}`, want, len(raw), n))
		c.Manifest.Layers = append(c.Manifest.Layers, d)
	}
	text := fmt.Appendf(nil, `{"version":1,"part":1,"parts":1,"whole":"","blobs":[%s]}`, strings.Join(list, ","))
	c.Manifest.Config = artifact.Descriptor{MediaType: seal.ConfigMediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	c.Manifest.SchemaVersion, c.Manifest.MediaType = 2, "application/vnd.oci.image.manifest.v1+json"
	c.Manifest.ArtifactType, c.Manifest.Subject = seal.ArtifactType, &image
	for d, data := range map[*artifact.Descriptor][]byte{&c.Manifest.Config: text, &d: raw} {
		c.Blobs = append(c.Blobs, registry.Content{Descriptor: *d, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }})
	}
	if _, err := repo.AttachComposite(t.Context(), image, c); err != nil {
		t.Fatal(err)
	}
	to := &counting{memory: newMemory()}
	if err := seal.Pull(t.Context(), repo, image.Digest, []digest.Digest{want}, to); err != nil || to.puts.Load() != 1 {
		t.Errorf("stored %d times, %v", to.puts.Load(), err)
	}
}

// counting counts what it is given.
type counting struct {
	*memory
	puts atomic.Int32
}

func (c *counting) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	c.puts.Add(1)
	return c.memory.Put(ctx, r, limit)
}

// TestJunkBesideASeal: anybody may attach what looks like a part of a seal. It stops nobody who has the real ones, and is named where they do
// not have all.
func TestJunkBesideASeal(t *testing.T) {
	repo := repository(t, local.Options{})
	from, blobs, want := inputs(t, 3, 0)
	lie := fmt.Sprintf(`{"version":1,"part":1,"parts":1,"whole":"","blobs":[{"digest":"%s","size":2,"mediaType":"x","layer":0}]}`, want[1])
	for n := range 12 { // they are listed by digest: some come before the real one
		for _, list := range []string{`{`, `{"version":2,"part":1,"parts":1,"whole":"","blobs":[]}`, lie} {
			forge(t, repo, []byte(list), fmt.Appendf(nil, "layer %d", n))
		}
	}
	if err := seal.Pull(t.Context(), repo, image.Digest, want, newMemory()); diag.ExitCode(err) != diag.ExitInvalid {
		t.Errorf("junk alone: %v", err)
	}
	if _, err := seal.Push(t.Context(), repo, image, blobs, from); err != nil {
		t.Fatal(err)
	}
	to := newMemory()
	if err := seal.Pull(t.Context(), repo, image.Digest, want, to); err != nil || !bytes.Equal(to.blobs[want[1]], from.blobs[want[1]]) {
		t.Errorf("a real seal among junk: %v", err)
	}
}

package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/recipes"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fake is a Debian archive in memory: two roots, three suites, signed with its own key. Faults are set on it.
type fake struct {
	t    testing.TB
	key  *openpgp.Entity
	main string // its address

	mu     sync.Mutex
	files  map[string][]byte // by URL below main's parent
	broken map[string]int    // URL suffix -> how many times it fails still
	how    func(url string, body []byte) (io.ReadCloser, int64, error)
	asked  []string
}

func newKey(t testing.TB) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("test", "", "test@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return now.AddDate(-1, 0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func ringOf(t testing.TB, e *openpgp.Entity) archive.Keyring {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	k, err := archive.ReadKeyring(&b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// debFields are a package's index fields besides the computed ones, "Field: value" lines.
type debFields struct{ name, version, more string }

// newFake serves base-files and the rest of a tiny system; main and security have packages, updates is empty.
func newFake(t testing.TB, main string) *fake {
	f := &fake{t: t, key: sharedKey(t), main: main, files: map[string][]byte{}, broken: map[string]int{}}
	f.suite("debian", "trixie", "Valid-Until: Sat, 10 Jan 2026 00:00:00 UTC\n", []debFields{
		{"base-files", "13", "Essential: yes\n"}, {"apt", "3.0", "Depends: libc6 (>= 2), awk\n"}, {"ca-certificates", "1", ""}, {"libc6", "2.40", ""},
		{"mawk", "1", "Provides: awk\nPriority: required\n"}, {"gawk", "1", "Provides: awk\n"}, {"curl", "8.0", "Depends: libc6\n"},
		{"foe", "1", "Conflicts: curl\n"},
	})
	f.suite("debian", "trixie-updates", "", nil)
	f.suite("debian-security", "trixie-security", "", []debFields{{"curl", "8.1+deb13u1", "Depends: libc6\n"}})
	return f
}

var sharedKey = func() func(testing.TB) *openpgp.Entity {
	var once sync.Once
	var key *openpgp.Entity
	return func(t testing.TB) *openpgp.Entity { once.Do(func() { key = newKey(t) }); return key }
}()

func (f *fake) put(name string, data []byte) {
	f.files[strings.TrimSuffix(f.main, "debian")+name] = data
}

func (f *fake) suite(root, codename, release string, debs []debFields) {
	var index bytes.Buffer
	for _, d := range debs {
		data := debOf(f.t, "Package: "+d.name+"\n", tarOf(f.t, map[string]string{"usr/share/doc/" + d.name + "/copyright": d.version, "bin/" + d.name: "#!" + d.version, "etc/shared": d.name}))
		file := "pool/main/" + d.name + "_" + strings.ReplaceAll(d.version, ":", "") + "_amd64.deb"
		f.put(root+"/"+file, data)
		fmt.Fprintf(&index, "Package: %s\nVersion: %s\nArchitecture: amd64\n%sFilename: %s\nSize: %d\nSHA256: %x\n\n", d.name, d.version, d.more, file, len(data), sha256.Sum256(data))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(index.Bytes()); err != nil {
		f.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.t.Fatal(err)
	}
	sum := sha256.Sum256(packed.Bytes())
	f.put(root+"/dists/"+codename+"/main/binary-amd64/Packages.gz", packed.Bytes())
	f.put(fmt.Sprintf("%s/dists/%s/main/binary-amd64/by-hash/SHA256/%x", root, codename, sum), packed.Bytes())
	label := map[string]string{"debian": "Debian", "debian-security": "Debian-Security"}[root]
	text := fmt.Sprintf("Origin: Debian\nLabel: %s\nCodename: %s\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n%sAcquire-By-Hash: yes\nArchitectures: amd64\nSHA256:\n %x %d main/binary-amd64/Packages.gz\n",
		label, codename, release, sum, packed.Len())
	f.sign(root, codename, text, f.key)
}

func (f *fake) sign(root, codename, text string, key *openpgp.Entity) {
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, key.PrivateKey, &packet.Config{Time: func() time.Time { return now.Add(-time.Minute) }})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		f.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.put(root+"/dists/"+codename+"/InRelease", append(b.Bytes(), '\n'))
}

// resign changes the text of trixie's InRelease and signs it anew.
func (f *fake) resign(from, to string, key *openpgp.Entity) {
	data := f.files[f.main+"/dists/trixie/InRelease"]
	block, _ := clearsign.Decode(data)
	text := strings.Replace(string(block.Plaintext), from, to, 1)
	if text == string(block.Plaintext) && from != to {
		f.t.Fatalf("%q is not in the InRelease", from)
	}
	f.sign("debian", "trixie", text, key)
}

// breaks makes URLs with the suffix fail n times, as how says.
func (f *fake) breaks(suffix string, n int, how func(url string, body []byte) (io.ReadCloser, int64, error)) {
	f.broken[suffix], f.how = n, how
}

func (f *fake) Get(_ context.Context, url string) (io.ReadCloser, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, url)
	body, ok := f.files[url]
	if !ok {
		return nil, 0, &StatusError{url, http.StatusNotFound}
	}
	for suffix, left := range f.broken {
		if strings.HasSuffix(url, suffix) && left > 0 {
			f.broken[suffix]--
			return f.how(url, body)
		}
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

func tarOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files { // in random order; Assemble must not care
		h := &tar.Header{Name: "./" + name, Mode: 0o755, Size: int64(len(content)), ModTime: time.Unix(1_700_000_000, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// debOf is a package around uncompressed archives (whose lengths are even, being whole blocks); control is its control file.
func debOf(t testing.TB, control string, data []byte) []byte {
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {"control.tar", string(tarOf(t, map[string]string{"control": control}))}, {"data.tar", string(data)}} {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1])
	}
	return b.Bytes()
}

func newStore(t testing.TB) *inputs.Store {
	t.Helper()
	s, err := inputs.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func options(t testing.TB, f *fake, packages ...string) Options {
	return Options{
		Spec: recipes.Debian{Suite: "trixie", Packages: packages}, Step: "base", Arch: "amd64", Platform: "linux/amd64",
		Mirrors: Mirrors{Main: f.main}, Keyring: ringOf(t, f.key), Now: now,
		Wait: func(context.Context, time.Duration) error { return nil },
	}
}

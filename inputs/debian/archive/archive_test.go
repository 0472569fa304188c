package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// entity makes a key pair; lifetime in seconds, 0 for ever.
func entity(t testing.TB, name string, lifetime uint32) *openpgp.Entity {
	t.Helper()
	cfg := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: lifetime, Time: func() time.Time { return now.Add(-time.Hour) }}
	e, err := openpgp.NewEntity(name, "", name+"@example.com", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func ring(es ...*openpgp.Entity) Keyring { return Keyring{es} }

func sign(t testing.TB, text string, es ...*openpgp.Entity) []byte {
	t.Helper()
	var keys []*packet.PrivateKey
	for _, e := range es {
		keys = append(keys, e.PrivateKey)
	}
	var b bytes.Buffer
	w, err := clearsign.EncodeMulti(&b, keys, &packet.Config{Time: func() time.Time { return now.Add(-time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

var zero = fmt.Sprintf("%x", sha256.Sum256(nil))

var releaseText = "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: trixie\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n" +
	"Valid-Until: Thu,  8 Jan 2026 00:00:00 UTC\nAcquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\n" +
	"Architectures: all amd64\nComponents: main\nSHA256:\n " + zero + "   17 main/binary-amd64/Packages.gz\n " + zero + " 12 main/binary-amd64/Packages.xz\n"

func TestReadRelease(t *testing.T) {
	a, b, stranger := entity(t, "a", 0), entity(t, "b", 0), entity(t, "stranger", 0)
	expired := entity(t, "expired", 60)
	good := sign(t, releaseText, a)
	tests := map[string]struct {
		data []byte
		keys Keyring
		want []string // fingerprints
		err  string
	}{
		"good":                      {data: good, keys: ring(a), want: []string{fingerprint(a)}},
		"two good ones":             {data: sign(t, releaseText, a, b), keys: ring(b, a), want: ring(a, b).Fingerprints()},
		"a stranger signs too":      {data: sign(t, releaseText, stranger, a), keys: ring(a), want: []string{fingerprint(a)}},
		"only a stranger":           {data: sign(t, releaseText, stranger), keys: ring(a, b), err: "none of its 1 signatures is by a trusted key"},
		"no keys at all":            {data: good, err: "none of its 1"},
		"text changed":              {data: bytes.Replace(good, []byte("trixie"), []byte("troxie"), 1), keys: ring(a), err: "signature by a known key is bad"},
		"one bad spoils the others": {data: spoil(sign(t, releaseText, a), sign(t, "Origin: other\n", b)), keys: ring(a, b), err: "is bad"},
		"key expired":               {data: sign(t, releaseText, expired), keys: ring(expired), err: "is bad"},
		"cut in the text":           {data: good[:200], keys: ring(a), err: "cut off"},
		"cut in the signature":      {data: good[:len(good)-60], keys: ring(a), err: "cut off"},
		"something before":          {data: append([]byte("Origin: Debian\n"), good...), keys: ring(a), err: "not clear-signed"},
		"something after":           {data: append(bytes.Clone(good), "Origin: Debian\n"...), keys: ring(a), err: "something follows"},
		"not signed":                {data: []byte(releaseText), keys: ring(a), err: "not clear-signed"},
		"empty":                     {keys: ring(a), err: "not clear-signed"},
		"too long":                  {data: make([]byte, MaxInRelease+1), keys: ring(a), err: "exceeds"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := ReadRelease(tt.data, tt.keys, now)
			if tt.err != "" {
				var s *SignatureError
				if !errors.As(err, &s) || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want a SignatureError with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, r.Keys); d != "" {
				t.Error(d)
			}
		})
	}
}

// spoil puts both signatures under the first text.
func spoil(one, other []byte) []byte {
	split := func(b []byte) ([]byte, *clearsign.Block) {
		block, _ := clearsign.Decode(b)
		i := bytes.Index(b, []byte("-----BEGIN PGP SIGNATURE"))
		return b[:i], block
	}
	text, a := split(one)
	_, b := split(other)
	return append(bytes.Clone(text), joinArmor(a, b)...)
}

func TestReleaseFields(t *testing.T) {
	a := entity(t, "a", 0)
	r, err := ReadRelease(sign(t, releaseText, a), ring(a), now)
	if err != nil {
		t.Fatal(err)
	}
	want := &Release{
		Origin: "Debian", Label: "Debian", Suite: "stable", Codename: "trixie", AcquireByHash: true, Architectures: []string{"all", "amd64"},
		Date: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ValidUntil: time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC),
	}
	if d := cmp.Diff(want, r, cmpopts.IgnoreUnexported(Release{}), cmpopts.IgnoreFields(Release{}, "Files", "Keys")); d != "" {
		t.Error(d)
	}
	got, err := r.Indexes("amd64")
	if err != nil {
		t.Fatal(err)
	}
	f := r.Files["main/binary-amd64/Packages.xz"]
	idx := []Index{{Path: "main/binary-amd64/Packages.xz", ByHash: "main/binary-amd64/by-hash/SHA256/" + zero, File: f}}
	if d := cmp.Diff(idx, got); d != "" || f.Size != 12 {
		t.Error(d, f)
	}
	if _, err := r.Indexes("arm64"); err == nil {
		t.Error("an architecture that is not there was found")
	}
	r.noAllSupport = false
	if _, err := r.Indexes("amd64"); err == nil || !strings.Contains(err.Error(), `"all"`) {
		t.Errorf("binary-all was not asked for: %v", err)
	}
}

func TestReleaseMalformed(t *testing.T) {
	a := entity(t, "a", 0)
	for _, c := range [][2]string{
		{"Date: Thu, 01 Jan 2026 00:00:00 UTC", "Date: Thu, 01 Jan 2026 00:00:00 CET"},
		{"Date: Thu, 01 Jan 2026 00:00:00 UTC\n", ""},
		{"Valid-Until: Thu,", "Valid-Until: soon,"},
		{zero + "   17", "00   17"}, {"   17 ", " -17 "}, {"   17 ", " "}, {"Packages.gz", "Packages.xz"},
		{"Suite: stable\n", "Suite: stable\n\nOrigin: x\n"},
	} {
		text := strings.Replace(releaseText, c[0], c[1], 1)
		if text == releaseText {
			t.Fatalf("%q is not in the text", c[0])
		}
		if _, err := ReadRelease(sign(t, text, a), ring(a), now); err == nil {
			t.Errorf("read with %q", c[1])
		}
	}
}

// TestDebianKeyring holds the embedded file to its page.
func TestDebianKeyring(t *testing.T) {
	page, err := os.ReadFile("KEYRING.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9A-F]{40}) \|`).FindAllSubmatch(page, -1) {
		listed = append(listed, string(m[1]))
	}
	if d := cmp.Diff(listed, DebianKeyring().Fingerprints(), cmpopts.SortSlices(strings.Compare)); d != "" || len(listed) < 6 {
		t.Errorf("KEYRING.md and the keyring differ: %s", d)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(debianKeys)); !bytes.Contains(page, []byte(sum)) {
		t.Errorf("KEYRING.md does not name the file's digest %s", sum)
	}
}

const packagesText = `Package: a
Version: 1:2-3
Architecture: amd64
Essential: yes
Priority: important
Depends: b (>= 1),
 c | d
Filename: pool/main/a/a/a_2-3_amd64.deb
Size: 10
SHA256: ` + "ZERO" + `

Package: foreign
Version: 1
Architecture: arm64
Filename: pool/f.deb
Size: 1
SHA256: ZERO
`

func TestReadPackages(t *testing.T) {
	text := strings.ReplaceAll(packagesText, "ZERO", zero)
	var got []Package
	visit := func(p Package) error { got = append(got, p); return nil }
	if err := ReadPackages(strings.NewReader(text), "amd64", visit); err != nil {
		t.Fatal(err)
	}
	want := []Package{{
		Name: "a", Version: "1:2-3", Arch: "amd64", Essential: true, Rank: 1, Depends: "b (>= 1),\nc | d",
		Filename: "pool/main/a/a/a_2-3_amd64.deb", Size: 10, Digest: "sha256:" + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, c := range [][2]string{
		{"Package: a", "Package: a b"}, {"Package: a\n", ""}, {"Size: 10", "Size: -1"}, {"Size: 10", "Size: 99999999999"}, {"pool/main/a/a/", "/pool/"},
		{"pool/main/a/a/", "pool/../../"}, {"pool/main/a/a/", "../"}, {"a_2-3_amd64.deb", "a.exe"}, {"pool/main/a", "pool/m?in/a"}, {"SHA256: ", "SHA256: 0"}, {"Version: 1:2-3\n", ""},
	} {
		bad := strings.Replace(text, c[0], c[1], 1)
		if err := ReadPackages(strings.NewReader(bad), "amd64", visit); err == nil {
			t.Errorf("read with %q", c[1])
		}
	}
}

func TestUnpackBound(t *testing.T) {
	b := &bounded{r: strings.NewReader("12345"), left: 4}
	if _, err := b.Read(make([]byte, 10)); err == nil {
		t.Error("read past the bound")
	}
	for _, name := range []string{"Packages.xz", "Packages.gz"} {
		if _, err := Unpack(name, strings.NewReader("rubbish, and long enough for a header")); err == nil {
			t.Errorf("%s: rubbish unpacked", name)
		}
	}
}

func TestSources(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	root := fstest.MapFS{
		"etc/apt/sources.list": file("# deb http://no.example/debian x main\ndeb-src http://src.example/debian a main\n" +
			"deb http://one.example/debian/ bookworm main contrib # why\n  deb [ arch=amd64 signed-by=/x ] https://two.example/debian bookworm-updates main\n" +
			"deb cdrom:[Debian]/ bookworm main\ndeb http://flat.example/x ./\ndeb http://univ.example/x s universe\ndebx http://x.example/ a main\ndeb [broken http://x.example a main\n"),
		"etc/apt/sources.list.d/b.sources": file("Types: deb deb-src\nURIs: http://three.example/debian http://four.example/debian\nSuites: s s-updates\nComponents: main\n\n" +
			"Types: deb\nURIs: http://off.example/\nSuites: s\nComponents: main\nEnabled: no\n\nTypes: deb\nURIs: http://one.example/debian\nSuites: bookworm\nComponents: main\n"),
		"etc/apt/sources.list.d/a.list":      file("deb http://five.example/debian s main\n"),
		"etc/apt/sources.list.d/c.list.save": file("deb http://saved.example/debian s main\n"),
	}
	got, err := Sources(root)
	if err != nil {
		t.Fatal(err)
	}
	list, b := "/etc/apt/sources.list", "/etc/apt/sources.list.d/b.sources"
	want := []Source{
		{"http://one.example/debian", "bookworm", list}, {"https://two.example/debian", "bookworm-updates", list},
		{"http://five.example/debian", "s", "/etc/apt/sources.list.d/a.list"},
		{"http://three.example/debian", "s", b}, {"http://three.example/debian", "s-updates", b},
		{"http://four.example/debian", "s", b}, {"http://four.example/debian", "s-updates", b},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err := Sources(fstest.MapFS{}); err != nil || got != nil {
		t.Errorf("no apt: %v, %v", got, err)
	}
	if _, err := Sources(fstest.MapFS{"etc/apt/sources.list": {Data: make([]byte, maxSourceFile+1)}}); err == nil {
		t.Error("a huge file was read")
	}
}

func TestOrigin(t *testing.T) {
	if o, l := Origin(sign(t, releaseText, entity(t, "a", 0))); o != "Debian" || l != "Debian" {
		t.Errorf("got %q, %q", o, l)
	}
	// A real one goes on with its signature on the next line.
	tight := strings.Replace(string(sign(t, releaseText, entity(t, "a", 0))), "\n\n-----BEGIN PGP SIG", "\n-----BEGIN PGP SIG", 1)
	if o, l := Origin([]byte(tight)); o != "Debian" || l != "Debian" {
		t.Errorf("got %q, %q", o, l)
	}
	for _, s := range []string{"", "<html>", "-----BEGIN PGP SIGNED MESSAGE-----\n\n"} {
		if o, _ := Origin([]byte(s)); o != "" {
			t.Errorf("%q has origin %q", s, o)
		}
	}
}

func FuzzReadPackages(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(packagesText, "ZERO", zero)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = ReadPackages(bytes.NewReader(data), "amd64", func(p Package) error {
			if strings.Contains(p.Filename, "..") && !validFilename(p.Filename) || p.Size < 0 || p.Digest.Validate() != nil {
				t.Errorf("let through: %+v", p)
			}
			return nil
		})
	})
}

func FuzzReadRelease(f *testing.F) {
	a := entity(f, "a", 0)
	good := sign(f, releaseText, a)
	signed, _, err := openSigned(good, ring(a), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		text, _, err := openSigned(data, ring(a), now)
		if err == nil && !bytes.Equal(text, signed) {
			t.Errorf("believed: %q", text)
		}
		_, _ = parseRelease(data)
		Origin(data)
	})
}

package sbom

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

const status = `Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib
Version: 1:1.3.dfsg+really1.3.1-1
Description: compression library
 Package: not-a-package

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: half
Status: install ok half-configured
Version: 1.0

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.37-2
`

const debian = "ID=debian\nVERSION_ID=\"13\"\n"

var debs = []string{
	"pkg:deb/debian/bash@5.2.37-2?arch=amd64&distro=debian-13",
	"pkg:deb/debian/zlib1g@1:1.3.dfsg%2Breally1.3.1-1?arch=amd64&distro=debian-13&upstream=zlib",
}

func TestFindsPackages(t *testing.T) {
	cases := map[string]struct {
		entries []entry
		want    []string
	}{
		"dpkg": {[]entry{{name: "./var/lib/dpkg/status", body: status}, {name: "usr/lib/os-release", body: debian}}, debs},
		"dpkg without os-release": {[]entry{{name: "var/lib/dpkg/status", body: "Package: a\nStatus: install ok installed\nVersion: 1\n"}},
			[]string{"pkg:deb/debian/a@1"}},
		"status.d": {[]entry{
			{name: "var/lib/dpkg/status.d/base", body: "Package: base-files\nVersion: 13\nArchitecture: amd64\n"},
			{name: "var/lib/dpkg/status.d/base.md5sums", body: "Package: md5\nVersion: 1\n"},
		}, []string{"pkg:deb/debian/base-files@13?arch=amd64"}},
		"apk": {[]entry{
			{name: "lib/apk/db/installed", body: "P:musl\nV:1.2.5-r9\nA:x86_64\nL:MIT\no:musl\np:so:libc\n\nP:libcrypto3\nV:3.5.0-r0\nA:x86_64\no:openssl\n"},
			{name: "etc/os-release", body: "ID=alpine\nVERSION_ID=3.22.0\n"},
		}, []string{
			"pkg:apk/alpine/libcrypto3@3.5.0-r0?arch=x86_64&distro=alpine-3.22.0&upstream=openssl",
			"pkg:apk/alpine/musl@1.2.5-r9?arch=x86_64&distro=alpine-3.22.0",
		}},
		"npm": {[]entry{
			{name: "app/node_modules/left-pad/package.json", body: `{"name":"left-pad","version":"1.3.0","license":"WTFPL"}`},
			{name: "app/node_modules/@types/node/package.json", body: `{"name":"@types/node","version":"24.0.0","license":{"type":"MIT"}}`},
			{name: "app/node_modules/x/lib/package.json", body: `{"name":"inner","version":"1"}`},
			{name: "app/node_modules/esm/package.json", body: `{"type":"module"}`},
			{name: "app/package.json", body: `{"name":"app","version":"1.0.0"}`},
		}, []string{"pkg:npm/%40types/node@24.0.0", "pkg:npm/left-pad@1.3.0"}},
		"python": {[]entry{
			{name: "usr/lib/python3/dist-packages/Flask_SQLAlchemy-3.1.dist-info/METADATA", body: "Metadata-Version: 2.1\nName: Flask.SQLAlchemy\nVersion: 3.1\nLicense: BSD-3-Clause\n\nName: other\n"},
			{name: "usr/lib/python3/dist-packages/old.egg-info/PKG-INFO", body: "Name: old\nVersion: 0.1\n"},
		}, []string{"pkg:pypi/flask-sqlalchemy@3.1", "pkg:pypi/old@0.1"}},
		"nothing": {[]entry{{name: "hello", body: "world"}}, []string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, purls(listed(t, nil, archive(t, c.entries...)))); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

// Layers are laid over each other as image-spec's layer.md says.
func TestLayers(t *testing.T) {
	one := entry{name: "a/node_modules/one/package.json", body: `{"name":"one","version":"1"}`}
	two := entry{name: "a/node_modules/two/package.json", body: `{"name":"two","version":"1"}`}
	newer := entry{name: one.name, body: `{"name":"one","version":"2"}`}
	const one1, one2, two1 = "pkg:npm/one@1", "pkg:npm/one@2", "pkg:npm/two@1"
	cases := map[string]struct {
		layers [][]entry
		want   []string
	}{
		"all together":                      {[][]entry{{one}, {two}}, []string{one1, two1}},
		"replaced":                          {[][]entry{{one, two}, {newer}}, []string{one2, two1}},
		"file removed":                      {[][]entry{{one, two}, {{name: "a/node_modules/one/.wh.package.json"}}}, []string{two1}},
		"folder removed":                    {[][]entry{{one, two}, {{name: "a/.wh.node_modules"}}}, []string{}},
		"removed and made again":            {[][]entry{{one, two}, {{name: "a/.wh.node_modules"}, newer}}, []string{one2}},
		"made again, then the whiteout":     {[][]entry{{one, two}, {newer, {name: "a/.wh.node_modules"}}}, []string{one2}},
		"made again, then its own whiteout": {[][]entry{{one}, {newer, {name: "a/node_modules/one/.wh.package.json"}}}, []string{one2}},
		"opaque folder":                     {[][]entry{{one, two}, {newer, {name: "a/node_modules/.wh..wh..opq"}}}, []string{one2}},
		"opaque root":                       {[][]entry{{one}, {{name: ".wh..wh..opq"}, two}}, []string{two1}},
		"opaque sibling":                    {[][]entry{{one}, {{name: "b/.wh..wh..opq"}}}, []string{one1}},
		"prefix is no parent":               {[][]entry{{one}, {{name: "a/.wh.node"}}}, []string{one1}},
		"folder becomes a file":             {[][]entry{{one}, {{name: "a/node_modules", body: "x"}}}, []string{}},
		"folder becomes a link":             {[][]entry{{one}, {{name: "a", kind: tar.TypeSymlink, link: "b"}}}, []string{}},
		"file becomes a folder":             {[][]entry{{one}, {{name: one.name, kind: tar.TypeDir}}}, []string{}},
		"folder mentioned again":            {[][]entry{{one}, {{name: "a/node_modules/", kind: tar.TypeDir}}}, []string{one1}},
		"hard link":                         {[][]entry{{two, {name: "b/node_modules/two/package.json", kind: tar.TypeLink, link: two.name}}, {{name: "a/.wh.node_modules"}}}, []string{two1}},
		"out of the root":                   {[][]entry{{{name: "../../" + one.name, body: one.body}}}, []string{one1}},
		"absolute":                          {[][]entry{{{name: "/" + one.name, body: one.body}}, {{name: "./a/.wh.node_modules"}}}, []string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range c.layers {
				layers = append(layers, archive(t, l...))
			}
			if diff := cmp.Diff(c.want, purls(listed(t, nil, layers...))); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
			remembered(t, layers)
		})
	}
}

// remembered lists images that have ever more of the layers, each after the one before and then once more: what is remembered of lower
// layers must not show in the list of all.
func remembered(t *testing.T, layers [][]byte) {
	t.Helper()
	memory := Memory{Dir: t.TempDir(), Reader: "test"}
	for range 2 {
		for n := range layers {
			store, manifest := image(t, layers[:n+1]...)
			o := options(t, manifest)
			plain, err := FromImage(t.Context(), store, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Memory = memory
			got, err := FromImage(t.Context(), store, o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(plain), string(got)); diff != "" {
				t.Errorf("%d layers with a memory (-without +with):\n%s", n+1, diff)
			}
		}
	}
	if files, err := os.ReadDir(memory.Dir); err != nil || len(files) != len(layers) {
		t.Errorf("%d runs of layers are remembered, want %d (%v)", len(files), len(layers), err)
	}
}

// The count must be dpkg's own: a list that misses packages in silence is worse than none.
func TestCountIsDpkgsOwn(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg-query")
	if err != nil {
		t.Skip("SKIPPED: no dpkg-query on this machine to compare with")
	}
	count := func(admindir string) []string {
		args := []string{"--admindir", admindir, "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"}
		out, err := exec.Command(dpkg, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, line := range strings.Split(string(out), "\n") {
			if rest, ok := strings.CutPrefix(line, "installed "); ok {
				names = append(names, rest)
			}
		}
		slices.Sort(names)
		return names
	}
	compare := func(t *testing.T, admindir string) {
		data, err := os.ReadFile(filepath.Join(admindir, "status"))
		if err != nil {
			t.Fatal(err)
		}
		found, err := readDpkgStatus(data)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range found {
			got = append(got, p.Name+" "+p.Version+" "+p.Arch)
		}
		slices.Sort(got)
		want := count(admindir)
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%d packages (-dpkg +ours):\n%s", len(want), diff)
		}
		all := listed(t, nil, archive(t, entry{name: "var/lib/dpkg/status", body: string(data)}))
		if n := len(purls(all)); n != len(want) {
			t.Errorf("the document lists %d packages, dpkg has %d", n, len(want))
		}
	}
	t.Run("small", func(t *testing.T) {
		dir := t.TempDir()
		small := strings.Replace(status, "Status: install ok half-configured\n", "Status: install ok half-configured\nArchitecture: amd64\n", 1)
		for name, body := range map[string]string{"status": maintained(small), "available": "", "info/format": "1\n"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		compare(t, dir)
	})
	t.Run("this machine", func(t *testing.T) {
		if _, err := os.Stat("/var/lib/dpkg/status"); err != nil {
			t.Skip("SKIPPED: this machine has no dpkg database")
		}
		compare(t, "/var/lib/dpkg")
	})
}

// maintained adds the fields that dpkg wants to see.
func maintained(s string) string {
	return strings.ReplaceAll(s, "Version:", "Maintainer: x <x@example.com>\nVersion:")
}

func TestGoBinary(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("SKIPPED: no go tool to build a binary with")
	}
	path := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command(goTool, "build", "-o", path, "./testdata/program").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	large := string(program) + strings.Repeat("\x00", inMemory) // goes through the scratch folder
	for name, body := range map[string]string{"in memory": string(program), "in the scratch folder": large} {
		t.Run(name, func(t *testing.T) {
			var scratch string
			d := listed(t, func(o *Options) { scratch = o.Scratch }, archive(t, entry{name: "usr/bin/app", body: body}))
			got := strings.Join(purls(d), "\n")
			for _, want := range []string{"pkg:golang/stdlib@1.", "pkg:golang/github.com/selfsame-build/selfsame", "pkg:golang/github.com/opencontainers/go-digest@v1.0.0"} {
				if !strings.Contains(got, want) {
					t.Errorf("no %s in\n%s", want, got)
				}
			}
			if left, _ := os.ReadDir(scratch); len(left) != 0 {
				t.Errorf("%d files left in the scratch folder", len(left))
			}
		})
	}
	t.Run("damaged", func(t *testing.T) {
		for at := 0; at < 64; at++ {
			spoilt := append([]byte(nil), program...)
			spoilt[at] ^= 0xff
			listed(t, nil, archive(t, entry{name: "app", body: string(spoilt[:200<<10])}))
		}
	})
}

func TestLockedInputs(t *testing.T) {
	sum := digest.FromString
	entries := []lock.Entry{
		{Kind: lock.KindResponse, Platform: "linux/amd64", Digest: sum("zlib"), Key: "http://user:pw@debian.invalid/pool/zlib1g.deb",
			PURL: "pkg:deb/debian/zlib1g@1.3.dfsg%2Breally1.3.1-1?arch=amd64", Evidence: "InRelease:sha256:aa"},
		{Kind: lock.KindResponse, Platform: "linux/arm64", Digest: sum("arm"), Key: "http://debian.invalid/bash.deb", PURL: "pkg:deb/debian/bash@5.2.37-2?arch=amd64"},
		{Kind: lock.KindResponse, Platform: "linux/amd64", Digest: sum("gcc"), Key: "http://debian.invalid/gcc.deb", PURL: "pkg:deb/debian/gcc@14?arch=amd64"},
		{Kind: lock.KindResponse, Platform: "linux/amd64", Digest: sum("mod"), Key: "https://example.com/m.mod", PURL: "pkg:golang/example.com/m@v1.0.0?file_name=v1.0.0.mod"},
		{Kind: lock.KindResponse, Platform: "linux/amd64", Digest: sum("html"), Key: "https://example.com/", PURL: ""},
	}
	layer := archive(t, entry{name: "var/lib/dpkg/status", body: status}, entry{name: "etc/os-release", body: debian})
	d := listed(t, func(o *Options) { o.Lock = entries }, layer)
	got := map[string]string{}
	for _, p := range d.Packages[1:] {
		sums := ""
		for _, c := range p.PackageChecksums {
			sums += c.Value
		}
		got[p.PackageName] = strings.Join([]string{sums, p.PackageDownloadLocation, p.PackageSourceInfo}, " | ")
	}
	want := map[string]string{
		"bash":   " | NOASSERTION | found in /var/lib/dpkg/status", // locked for another platform only
		"zlib1g": sum("zlib").Encoded() + " | http://debian.invalid/pool/zlib1g.deb | found in /var/lib/dpkg/status; locked input " + sum("zlib").String() + ", vouched for by InRelease:sha256:aa",
		"gcc":    sum("gcc").Encoded() + " | http://debian.invalid/gcc.deb | locked input " + sum("gcc").String(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	kinds := map[string]int{}
	for _, r := range d.Relationships {
		kinds[r.Relationship]++
	}
	if diff := cmp.Diff(map[string]int{"DESCRIBES": 1, "CONTAINS": 2, "BUILD_DEPENDENCY_OF": 1}, kinds); diff != "" {
		t.Errorf("relationships (-want +got):\n%s", diff)
	}
}

func TestLicences(t *testing.T) {
	for in, want := range map[string]string{
		"MIT": "MIT", "(MIT OR Apache-2.0)": "(MIT OR Apache-2.0)", "MIT  AND ( ISC OR 0BSD )": "MIT AND (ISC OR 0BSD)",
		"": "", "MIT License": "", "UNLICENSED": "", "SEE LICENSE IN LICENSE": "", "MIT OR": "", "(MIT": "", "MIT)": "", "OR": "",
		"MIT OR Nonsense": "", "GPL-2.0-only WITH Classpath-exception-2.0": "", strings.Repeat("(", 199): "",
	} {
		if got := license(in); got != want {
			t.Errorf("license(%q) = %q, want %q", in, got, want)
		}
	}
}

// The same image, lock and epoch give the same bytes, whatever the order of the lock.
func TestBytesAreStable(t *testing.T) {
	layer := archive(t, entry{name: "var/lib/dpkg/status", body: status},
		entry{name: "n/node_modules/a/package.json", body: `{"name":"a","version":"1","license":"MIT"}`},
		entry{name: "m/node_modules/a/package.json", body: `{"name":"a","version":"1"}`})
	entries := []lock.Entry{
		{PURL: "pkg:pypi/x@1?file_name=b.whl", Digest: digest.FromString("b")}, {PURL: "pkg:pypi/x@1?file_name=a.whl", Digest: digest.FromString("a")},
		{PURL: "pkg:npm/a@1", Digest: digest.FromString("npm")},
	}
	store, manifest := image(t, layer)
	o := options(t, manifest)
	var first []byte
	for range 10 {
		o.Lock = slices.Clone(entries)
		slices.Reverse(entries)
		raw, err := FromImage(t.Context(), store, o)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = raw
		}
		if !bytes.Equal(first, raw) {
			t.Fatalf("bytes moved:\n%s", cmp.Diff(string(first), string(raw)))
		}
	}
	if !bytes.Contains(first, []byte(`"created":"2026-01-01T00:00:00Z"`)) || !bytes.Contains(first, []byte("and 1 more")) {
		t.Errorf("%s", first)
	}
	o.Epoch++
	if raw, err := FromImage(t.Context(), store, o); err != nil || bytes.Contains(raw, namespaceOf(first)) {
		t.Errorf("other contents under the same namespace (error %v)", err)
	}
}

func namespaceOf(doc []byte) []byte {
	_, rest, _ := bytes.Cut(doc, []byte(`"documentNamespace":"`))
	ns, _, _ := bytes.Cut(rest, []byte(`"`))
	return ns
}

// A build step can write anything into the image; none of it may cost more than the limits, or pass as a whole list.
func TestHostileImages(t *testing.T) {
	many := func(n int) []entry {
		var out []entry
		for i := range n {
			out = append(out, entry{name: fmt.Sprintf("node_modules/p%d/package.json", i), body: fmt.Sprintf(`{"name":"p%d","version":"1"}`, i)})
		}
		return out
	}
	cases := map[string]struct {
		limits Limits
		layers [][]byte
		want   string
	}{
		"entries":    {Limits{Entries: 9}, [][]byte{archive(t, many(5)...), archive(t, many(5)...)}, "more than 9 entries"},
		"bytes":      {Limits{Bytes: 1 << 20}, [][]byte{archive(t, entry{name: "zeros", body: strings.Repeat("\x00", 2<<20)})}, "unpack to more"},
		"packages":   {Limits{Packages: 4}, [][]byte{archive(t, many(5)...)}, "more than 4 packages"},
		"layers":     {Limits{Layers: 1}, [][]byte{archive(t), archive(t)}, "2 layers"},
		"path":       {Limits{}, [][]byte{archive(t, entry{name: strings.Repeat("a/", 2100) + "a"})}, "a path of"},
		"document":   {Limits{Document: 2000}, [][]byte{archive(t, many(5)...)}, "the list has"},
		"no archive": {Limits{}, [][]byte{[]byte(strings.Repeat("x", 1024))}, "layer 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			store, manifest := image(t, c.layers...)
			o := options(t, manifest)
			o.Limits = c.limits
			raw, err := FromImage(t.Context(), store, o)
			if err == nil || !strings.Contains(err.Error(), c.want) || diag.ExitCode(err) != diag.ExitUndecided {
				t.Errorf("error %v (exit %d), want %q", err, diag.ExitCode(err), c.want)
			}
			if raw != nil {
				t.Error("half a list was returned")
			}
		})
	}
}

// What cannot be read is named, once and plainly, and does not stop the rest.
func TestUnreadableIsNamed(t *testing.T) {
	layer := archive(t,
		entry{name: "node_modules/bad/package.json", body: `{"name":`},
		entry{name: "node_modules/twice/package.json", body: `{"name":"a","name":"b","version":"1"}`},
		entry{name: "node_modules/evil/package.json", body: "{\"name\":\"a b\\u001b[2J\",\"version\":\"1\"}"},
		entry{name: "node_modules/long/package.json", body: `{"name":"` + strings.Repeat("a", 600) + `","version":"1"}`},
		entry{name: "node_modules/huge/package.json", body: strings.Repeat(" ", 3000)},
		entry{name: "node_modules/good/package.json", body: `{"name":"good","version":"1"}`},
	)
	d := listed(t, func(o *Options) { o.Limits.Database = 2000 }, layer)
	if diff := cmp.Diff([]string{"pkg:npm/good@1"}, purls(d)); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	for _, name := range []string{"bad", "twice", "evil", "long", "huge"} {
		if !strings.Contains(d.DocumentComment, "node_modules/"+name+"/package.json") {
			t.Errorf("%s is not named: %s", name, d.DocumentComment)
		}
	}
}

// What was listed must be what the manifest names, to the last byte.
func TestChangedLayerIsRefused(t *testing.T) {
	plain := archive(t, entry{name: "node_modules/a/package.json", body: `{"name":"a","version":"1"}`})
	store, manifest := image(t, plain, plain, plain) // packed in three ways
	o := options(t, manifest)
	if _, err := FromImage(t.Context(), store, o); err != nil {
		t.Fatal(err)
	}
	_, raw, err := store.Manifest(t.Context(), manifest)
	if err != nil {
		t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		path := filepath.Join(store.Name(), "blobs", "sha256", l.Digest.Encoded())
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(slices.Clone(whole), make([]byte, 512)...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FromImage(t.Context(), store, o); err == nil {
			t.Errorf("%s: bytes behind the archive went unnoticed", l.MediaType)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A binary made to be searched for ever is given up, and named.
func TestHugeDataSegment(t *testing.T) {
	size := uint64(maxBuildInfo + 2<<20)
	var b bytes.Buffer
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64,
	}
	segment := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: 120, Vaddr: 0x1000, Filesz: size, Memsz: size}
	if err := errors.Join(binary.Write(&b, binary.LittleEndian, header), binary.Write(&b, binary.LittleEndian, segment)); err != nil {
		t.Fatal(err)
	}
	b.Write(make([]byte, size))
	d := listed(t, nil, archive(t, entry{name: "bin/trap", body: b.String()}))
	if !strings.Contains(d.DocumentComment, "bin/trap (a binary whose build information is too large)") {
		t.Errorf("not named: %s", d.DocumentComment)
	}
}

func TestScratchIsDemanded(t *testing.T) {
	store, manifest := image(t, archive(t))
	o := options(t, manifest)
	o.Scratch = ""
	if _, err := FromImage(t.Context(), store, o); err == nil {
		t.Error("no scratch folder, no error")
	}
}

func FuzzCatalogue(f *testing.F) {
	f.Add("var/lib/dpkg/status", []byte(status))
	f.Add("lib/apk/db/installed", []byte("P:musl\nV:1\nL:MIT\n"))
	f.Add("node_modules/a/package.json", []byte(`{"name":"@a/b","version":"1","license":{"type":"MIT"}}`))
	f.Add("a.dist-info/METADATA", []byte("Name: a\nVersion: 1\n"))
	f.Add("etc/os-release", []byte(debian))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		tr := newTree(Options{Scratch: "unused", Limits: Limits{}.withDefaults(), Name: "x", Manifest: digest.FromString("")})
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(body))}
		if tr.add(0, h, bytes.NewReader(body)) != nil {
			return
		}
		raw, err := newDocument(tr.options, tr).encode(1 << 20)
		if err != nil {
			return
		}
		for _, r := range string(raw) {
			if r < ' ' {
				t.Fatalf("a control character in the document: %q", raw)
			}
		}
	})
}

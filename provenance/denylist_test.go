package provenance

import (
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/trust"
)

var (
	noon  = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	hintK = trust.Party{Key: trust.Key{Hint: "aaaa"}}
	alice = trust.Party{Identity: trust.Identity{Issuer: "https://issuer.example.com", Subject: "alice@example.com"}}
)

func denied(e DenyEntry) DenyEntry {
	e.Reason, e.Added = "it leaks", noon
	return e
}

func someList() DenyList {
	return DenyList{Edition: NewEdition(7, noon, 24*time.Hour), Entries: []DenyEntry{
		denied(DenyEntry{Digest: digest.FromString("image")}),
		denied(DenyEntry{Base: digest.FromString("base")}),
		denied(DenyEntry{Package: "pkg:deb/debian/openssl@3.0.1?arch=amd64"}),
		denied(DenyEntry{Package: "pkg:npm/%40scope/left-pad"}),
		denied(DenyEntry{Signer: &hintK, Since: noon}),
		denied(DenyEntry{Signer: &alice}),
		denied(DenyEntry{Builder: "https://builder.example.com/x", Since: noon}),
	}}
}

func TestDenyListRoundTrip(t *testing.T) {
	s, err := DenyListStatement("registry.example.com/ops/denylist", someList())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(s.Payload)
	if err != nil {
		t.Fatal(err)
	}
	got, name, err := parsed.DenyList()
	if err != nil || name != "registry.example.com/ops/denylist" {
		t.Fatalf("%q, %v", name, err)
	}
	if diff := cmp.Diff(someList(), got); diff != "" {
		t.Errorf("(-made +read):\n%s", diff)
	}
	if _, err := DenyListStatement("x", DenyList{Edition: NewEdition(1, noon, time.Hour)}); err != nil {
		t.Errorf("an empty list: %v", err)
	}
}

// TestDenyListRefused: a list that says more, less or something else than we understand is none.
func TestDenyListRefused(t *testing.T) {
	s, err := DenyListStatement("registry.example.com/ops/denylist", someList())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"another kind of entry": {`{"digest":"sha256:`, `{"tag":"x","digest":"sha256:`},
		"another field":         {`"sequence":7`, `"sequence":7,"scope":"staging"`},
		"an entry taken out":    {`{"base":"` + digest.FromString("base").String() + `","reason":"it leaks","added":"2026-11-28T12:00:00Z"},`, ``},
		"no sequence":           {`"sequence":7`, `"sequence":0`},
		"past 2^53":             {`"sequence":7`, `"sequence":9007199254740992`},
		"a fraction":            {`"sequence":7`, `"sequence":7.5`},
		"no end":                {`"expires":"2026-11-29T12:00:00Z"`, `"expires":"2028-11-29T12:00:00Z"`},
		"ends before it begins": {`"expires":"2026-11-29T12:00:00Z"`, `"expires":"2026-11-28T12:00:00Z"`},
		"two names for one key": {`"sequence":7`, `"sequence":7,"Sequence":8`},
		"another predicate":     {PredicateDenyList, PredicateRebuild},
		"a second subject":      {`"subject":[`, `"subject":[{"name":"x","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}},`},
	} {
		if !strings.Contains(string(s.Payload), c[0]) {
			t.Fatalf("%s: %s is not in the list", name, c[0])
		}
		parsed, err := Parse([]byte(strings.Replace(string(s.Payload), c[0], c[1], 1)))
		if err != nil {
			continue
		}
		if _, _, err := parsed.DenyList(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestDenyEntryCheck(t *testing.T) {
	both := trust.Party{Key: hintK.Key, Identity: alice.Identity}
	for name, e := range map[string]DenyEntry{
		"nothing":          denied(DenyEntry{}),
		"two things":       denied(DenyEntry{Digest: digest.FromString("x"), Base: digest.FromString("x")}),
		"upper case":       denied(DenyEntry{Digest: digest.Digest("sha256:" + strings.Repeat("A", 64))}),
		"md5":              denied(DenyEntry{Base: digest.Digest("md5:" + strings.Repeat("a", 32))}),
		"no package URL":   denied(DenyEntry{Package: "left-pad"}),
		"a signer of both": denied(DenyEntry{Signer: &both}),
		"no signer":        denied(DenyEntry{Signer: &trust.Party{}}),
		"image since":      denied(DenyEntry{Digest: digest.FromString("x"), Since: noon}),
		"no reason":        {Digest: digest.FromString("x"), Added: noon},
		"no date":          {Digest: digest.FromString("x"), Reason: "x"},
		"reason of lines":  {Digest: digest.FromString("x"), Added: noon, Reason: "a\nb"},
		"reason in colour": {Digest: digest.FromString("x"), Added: noon, Reason: "a\x1b[31m"},
	} {
		if e.Check() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestDenied(t *testing.T) {
	d := someList().Denied()
	if _, hit := d.Image(digest.FromString("image")); !hit {
		t.Error("the image is not denied")
	}
	if _, hit := d.Image(digest.FromString("base")); hit {
		t.Error("a base is denied as an image")
	}
	early, late := noon.Add(-time.Second), noon
	for _, c := range []struct {
		party trust.Party
		at    time.Time
		want  bool
	}{
		{hintK, late, true}, {hintK, early, false},
		{hintK, time.Time{}, true}, // no trusted time: after every time
		{trust.Party{Key: trust.Key{Hint: "bbbb"}}, time.Time{}, false},
		{alice, early, true},
		{trust.Party{Identity: trust.Identity{Issuer: "https://other.example.com", Subject: "alice@example.com"}}, early, false},
		{trust.Party{}, time.Time{}, false},
	} {
		if _, hit := d.Signer(c.party, c.at); hit != c.want {
			t.Errorf("signer %s at %v: %v", c.party, c.at, hit)
		}
	}
	for id, want := range map[string]bool{"https://builder.example.com/x": true, "https://builder.example.com/": false} {
		if _, hit := d.Builder(id, time.Time{}); hit != want {
			t.Errorf("builder %s: %v", id, hit)
		}
	}
	if _, hit := d.Builder("https://builder.example.com/x", early); hit {
		t.Error("a build from before counts as later")
	}
}

func TestDeniedInput(t *testing.T) {
	d := someList().Denied()
	base := digest.FromString("base").Encoded()
	for _, c := range []struct {
		name string
		in   ResourceDescriptor
		want bool
	}{
		{"base by digest", ResourceDescriptor{URI: "docker-image://debian:12", Digest: map[string]string{"sha256": base}}, true},
		{"base by its index", ResourceDescriptor{URI: "docker-image://debian@sha256:" + base, Digest: map[string]string{"sha256": strings.Repeat("0", 64)}}, true},
		{"base in a package URL", ResourceDescriptor{URI: "pkg:docker/debian@sha256%3A" + base}, true},
		{"base by download location", ResourceDescriptor{URI: "x:", DownloadLocation: "debian:12@sha256:" + base}, true},
		{"another base", ResourceDescriptor{URI: "docker-image://debian:12", Digest: map[string]string{"sha256": strings.Repeat("0", 64)}}, false},
		{"package", ResourceDescriptor{URI: "pkg:deb/debian/openssl@3.0.1?arch=amd64&distro=trixie"}, true},
		{"package in capitals", ResourceDescriptor{URI: "pkg:deb/Debian/OpenSSL@3.0.1?arch=amd64"}, true},
		{"another version", ResourceDescriptor{URI: "pkg:deb/debian/openssl@3.0.2?arch=amd64"}, false},
		{"another architecture", ResourceDescriptor{URI: "pkg:deb/debian/openssl@3.0.1?arch=arm64"}, false},
		{"a longer name", ResourceDescriptor{URI: "pkg:deb/debian/openssl-dev@3.0.1?arch=amd64"}, false},
		{"any version", ResourceDescriptor{URI: "pkg:npm/%40scope/left-pad@1.3.0"}, true},
		{"another scope", ResourceDescriptor{URI: "pkg:npm/left-pad@1.3.0"}, false},
		{"nothing", ResourceDescriptor{}, false},
	} {
		if _, hit := d.Input(c.in); hit != c.want {
			t.Errorf("%s: %v", c.name, hit)
		}
	}
}

func TestReleaseIndexRoundTrip(t *testing.T) {
	x := ReleaseIndex{Edition: NewEdition(1, noon, time.Hour), Statements: []IndexedStatement{
		{digest.FromString("b"), digest.FromString("image"), PredicateRebuild},
		{digest.FromString("a"), digest.FromString("image"), PredicateProvenance},
	}}
	image := v1Image(digest.FromString("image"))
	s, err := ReleaseIndexStatement("registry.example.com/shop", image, x)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(s.Payload)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parsed.ReleaseIndex()
	if err != nil || len(got.Statements) != 2 || got.Sequence != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, c := range map[string]func(*ReleaseIndex){
		"nothing listed": func(x *ReleaseIndex) { x.Statements = nil },
		"twice":          func(x *ReleaseIndex) { x.Statements[1] = x.Statements[0] },
		"no digest":      func(x *ReleaseIndex) { x.Statements[0].Bundle = "x" },
		"no sequence":    func(x *ReleaseIndex) { x.Sequence = 0 },
	} {
		bad := x
		bad.Statements = append([]IndexedStatement(nil), x.Statements...)
		c(&bad)
		if _, err := ReleaseIndexStatement("registry.example.com/shop", image, bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// FuzzDenyList: nothing panics, and what is taken passes its own check.
func FuzzDenyList(f *testing.F) {
	s, err := DenyListStatement("registry.example.com/ops/denylist", someList())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		parsed, err := Parse(payload)
		if err != nil {
			return
		}
		if l, _, err := parsed.DenyList(); err == nil {
			if err := l.Check(); err != nil {
				t.Fatal(err)
			}
			l.Denied().Input(ResourceDescriptor{URI: "pkg:npm/x@1"})
		}
		if x, err := parsed.ReleaseIndex(); err == nil && x.Check() != nil {
			t.Fatal("an index that is none")
		}
	})
}

func v1Image(d digest.Digest) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: d, Size: 1}
}

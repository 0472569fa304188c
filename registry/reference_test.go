package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestParseReference(t *testing.T) {
	const d = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, test := range []struct {
		ref  string
		want Reference // empty: refused
	}{
		{"debian", Reference{"docker.io/library/debian", "latest", ""}},
		{"debian:13", Reference{"docker.io/library/debian", "13", ""}},
		{"docker.io/debian", Reference{"docker.io/library/debian", "latest", ""}},
		{"index.docker.io/library/debian", Reference{"docker.io/library/debian", "latest", ""}},
		{"team/shop:v1", Reference{"docker.io/team/shop", "v1", ""}},
		{"localhost/shop", Reference{"localhost/shop", "latest", ""}},
		{"localhost:5000/team/shop@" + d, Reference{"localhost:5000/team/shop", "", d}},
		{"registry.example.com/team/shop:v1@" + d, Reference{"registry.example.com/team/shop", "v1", d}},
		{"[::1]:5000/shop:v1", Reference{"[::1]:5000/shop", "v1", ""}},
		{"", Reference{}},
		{" ", Reference{}},
		{" debian", Reference{}},
		{"debian\n", Reference{}},
		{"Debian", Reference{}},
		{"Foo/bar", Reference{}}, // distribution/reference takes Foo for a host
		{"registry.example.com/team//shop", Reference{}},
		{"registry.example.com/team/../shop", Reference{}},
		{"../shop", Reference{}},
		{"https://registry.example.com/shop", Reference{}},
		{"registry.example.com/shop:" + strings.Repeat("a", 129), Reference{}},
		{"registry.example.com/shop@" + strings.ToUpper(d), Reference{}},
		{"registry.example.com/shop@sha256:" + strings.Repeat("A", 64), Reference{}},
		{"registry.example.com/shop@sha512:" + strings.Repeat("a", 128), Reference{}},
		{"registry.example.com/shop@" + d + "@" + d, Reference{}},
		{"registry.example.com/shop@", Reference{}},
		{"registry.example.com/shöp", Reference{}},
		{"registry.example.com/shop\u202e:v1", Reference{}},
		{"rеgistry.example.com/shop", Reference{}}, // a Cyrillic e
		{"user:password@registry.example.com/shop", Reference{}},
		{strings.Repeat("a", 10<<10), Reference{}},
		{digest.Digest(d).Encoded(), Reference{}}, // an image's id, to docker
	} {
		got, err := ParseReference(test.ref)
		if test.want == (Reference{}) {
			var shown *diag.Diagnostic
			if !errors.As(err, &shown) || shown.Code != codeReference {
				t.Errorf("%.80q is read as %+v, %v; want A0514", test.ref, got, err)
			} else if strings.HasSuffix(test.ref, "shop@") && !strings.HasSuffix(shown.Summary, "`` is no digest") {
				t.Errorf("%.80q: %s", test.ref, shown.Summary)
			} else if len(shown.Summary) > 1000 {
				t.Errorf("%.80q: a message of %d bytes", test.ref, len(shown.Summary))
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%.80q is read as %+v, %v; want %+v", test.ref, got, err, test.want)
		}
	}
}

// TestLocate: a digest says which image it is, a tag does not, and what verify could not go by is no reference to it.
func TestLocate(t *testing.T) {
	c := New(Options{})
	d := digest.FromString("x")
	for ref, want := range map[string]digest.Digest{"r.example.com/team/app@" + d.String(): d, "r.example.com/team/app:v1": "", "r.example.com/team/app": ""} {
		if repo, got, err := c.Locate(ref); err != nil || got != want || repo.Name() != "r.example.com/team/app" {
			t.Errorf("%s: %s, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"r.example.com/team/app@" + digest.SHA512.FromString("x").String(), "r.example.com/team/app@sha256:1", "../app"} {
		if _, _, err := c.Locate(ref); len(diag.All(err)) != 1 || diag.All(err)[0].Code != codeReference || diag.All(err)[0].Help == "" {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

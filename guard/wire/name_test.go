package wire_test

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/wire"
)

func TestRepository(t *testing.T) {
	for ref, want := range map[string]string{
		"registry.example.com/team/shop:v1":      "registry.example.com/team/shop",
		"registry.example.com:5000/team/shop":    "registry.example.com:5000/team/shop",
		"127.0.0.1:5000/shop@sha256:aa":          "127.0.0.1:5000/shop",
		"registry.example.com/shop:v1@sha256:aa": "registry.example.com/shop",
		"localhost/shop":                         "localhost/shop",
		"debian":                                 "docker.io/library/debian",
		"debian:trixie":                          "docker.io/library/debian",
		"docker.io/debian":                       "docker.io/library/debian",
		"index.docker.io/team/shop:v1":           "docker.io/team/shop",
		"team/shop":                              "docker.io/team/shop",
		"":                                       "",
		"sha256:" + strings.Repeat("a", 64):      "",
		"registry.example.com/":                  "",
		"registry.example.com/a//b":              "",
		"registry.example.com/../b":              "",
		"registry.example.com/team/Shop":         "",
		"registry.example.com/a b":               "",
		"registry.example\n.com/a":               "",
		"@sha256:aa":                             "",
		"registry.example.com/" + strings.Repeat("a/", 1000): "",
	} {
		if got, err := wire.Repository(ref); got != want || (err != nil) != (want == "") {
			t.Errorf("%.60q is of %q (%v), want %q", ref, got, err, want)
		}
	}
}

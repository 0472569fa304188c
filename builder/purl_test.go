package builder

import (
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
)

func TestImagePURL(t *testing.T) {
	d := digest.Digest("sha256:" + strings.Repeat("0", 64))
	for _, c := range []struct{ repository, tag, want string }{
		{"index.docker.io/library/debian", "13-slim", "pkg:oci/debian@sha256:" + strings.Repeat("0", 64) + "?repository_url=index.docker.io%2Flibrary%2Fdebian&tag=13-slim"},
		{"registry.example.com:5000/team/base", "", "pkg:oci/base@sha256:" + strings.Repeat("0", 64) + "?repository_url=registry.example.com:5000%2Fteam%2Fbase"},
	} {
		if got := imagePURL(c.repository, c.tag, d); got != c.want {
			t.Errorf("%s is %s, want %s", c.repository, got, c.want)
		}
	}
}

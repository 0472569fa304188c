package debian

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/recipes"
)

// DefaultPath is the PATH of a Debian base.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// arches pairs OCI's platforms with Debian's architectures (https://wiki.debian.org/SupportedArchitectures).
var arches = []struct{ debian, oci string }{
	{"amd64", "linux/amd64"}, {"arm64", "linux/arm64"}, {"arm64", "linux/arm64/v8"}, {"armhf", "linux/arm/v7"}, {"armel", "linux/arm/v5"},
	{"i386", "linux/386"}, {"ppc64el", "linux/ppc64le"}, {"riscv64", "linux/riscv64"}, {"s390x", "linux/s390x"},
}

// Arch is Debian's name for an OCI platform ("linux/amd64" is "amd64"); empty for one that Debian has no packages for.
func Arch(platform string) string {
	for _, a := range arches {
		if a.oci == platform {
			return a.debian
		}
	}
	return ""
}

// configOf is the configuration of an image for arch with these layers. It bears no time and no history: both would differ
// between machines or say nothing.
func configOf(arch string, layers []digest.Digest) ocispec.Image {
	c := ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		Config:   ocispec.ImageConfig{Env: []string{"PATH=" + DefaultPath}, Cmd: []string{"bash"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: layers},
	}
	i := slices.IndexFunc(arches, func(a struct{ debian, oci string }) bool { return a.debian == arch })
	if i >= 0 {
		parts := strings.Split(arches[i].oci, "/")
		c.Architecture = parts[1]
		if len(parts) > 2 {
			c.Variant = parts[2]
		}
	}
	return c
}

// Config is the image configuration (OCI, JSON) that a stage starting from the base inherits: PATH, and bash to run. It
// lists no layers, for the base's layer is what the configuring step makes.
func Config(_ recipes.Debian, arch string) ([]byte, error) {
	if !slices.ContainsFunc(arches, func(a struct{ debian, oci string }) bool { return a.debian == arch }) {
		return nil, fmt.Errorf("architecture %q is not one of Debian's", arch)
	}
	return json.Marshal(configOf(arch, []digest.Digest{}))
}

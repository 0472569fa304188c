package rebuild

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/starter"
)

// Recipe is a recipe that repeats the build of which BuildKit's provenance tells, as far as a recipe can. private lists the hosts on private
// networks that recording it may reach. What it fetches and runs is the choice of whoever wrote that provenance, and nobody signed it. Diagnostic
// A0812: there is nothing to repeat.
func (f *Foreign) Recipe(private []string) ([]byte, error) {
	var whole starter.Rebuild
	described := map[digest.Digest]bool{}
	for n, i := range f.Images {
		if described[i.Manifest] {
			return nil, f.unrepeatable(fmt.Errorf("%s: two attestations say how it was built", i.Platform))
		}
		described[i.Manifest] = true
		one, err := i.Build.Rebuild()
		switch {
		case err != nil:
		case n == 0:
			whole = one
			whole.Compression = packed(i.Compression)
		case !reflect.DeepEqual(one, whole.Alone()):
			err = errors.New("it was built in another way than the first platform, and a recipe has one for all")
		}
		if err != nil {
			return nil, f.unrepeatable(fmt.Errorf("%s: %w", i.Platform, err))
		}
		whole.Platforms = append(whole.Platforms, i.Platform)
	}
	if n := f.platforms - len(described); n > 0 {
		return nil, f.unrepeatable(fmt.Errorf("of %d more of its platforms nothing is said that can be read", n))
	}
	repository, _, _ := strings.Cut(f.Reference, "@")
	name, _, _ := strings.Cut(path.Base(repository), ":")
	whole.Name, whole.Reference, whole.Private = name, repository+"@"+f.Digest.String(), private
	text, err := starter.ForRebuild(whole)
	if err != nil {
		return nil, f.unrepeatable(err)
	}
	return text, nil
}

func (f *Foreign) unrepeatable(why error) error {
	return diag.Errorf("A0812", "no recipe can repeat the build of `%s`", f.Reference).WithWhy(clip(why.Error())).
		WithHelp("without --recipe, `selfsame audit --untrusted` lists all that is missing")
}

// compression is how the layers of an image are packed (OCI image-spec, layer.md): zstd, gzip, none, or "mixed".
func compression(layers []v1.Descriptor) (all string) {
	for _, l := range layers {
		kind := "none"
		switch {
		case strings.HasSuffix(l.MediaType, "+zstd"):
			kind = "zstd"
		case strings.HasSuffix(l.MediaType, "gzip"): // also Docker's .tar.gzip
			kind = "gzip"
		}
		if all != "" && all != kind {
			return "mixed"
		}
		all = kind
	}
	return all
}

// packed is what a recipe says of compression: BuildKit's own default where the layers leave it open.
func packed(compression string) string {
	if compression == "zstd" || compression == "none" {
		return compression
	}
	return "gzip"
}

package belt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// image is one question: which image, by whose name.
type image struct{ name, digest string }

// group is all that leads to one image, the likeliest first: digests of it, or names that one digest has.
type group struct {
	images []image
	at     string // where it is mounted as a volume; empty: it is the container's own
}

// found is what a container is made of: its own image, and those that it mounts.
type found struct {
	images    []image
	volumes   []group
	namespace string
}

// image finds the container's image: by the word of the one that made the container, and by nobody else's.
func (s Settings) image(ctx context.Context, c call) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	bundle, err := filepath.Abs(c.bundle)
	if err != nil {
		return found{}, err
	}
	driver, podman := podmanBundle(s.Podman, bundle, c.id)
	namespace := filepath.Base(filepath.Dir(bundle)) // of containerd: STATE/io.containerd.runtime.v2.task/NAMESPACE/ID
	switch {
	case s.Podman != "" && podman:
		return podmanImage(s.Podman, driver, c.id, bundle)
	case s.Podman+s.Docker+s.Containerd == "" && s.Annotations:
		return annotated(c.bundle)
	case s.Containerd == "" && s.Docker == "":
		return found{}, errors.New("the runtime is not told which image a container is of, and nobody may be asked")
	case filepath.Base(bundle) != c.id:
		return found{}, fmt.Errorf("the bundle %.120q is not containerd's bundle of it", bundle)
	case s.Docker != "" && namespace == dockerNamespace:
		return dockerImage(ctx, s, c.id, bundle)
	case s.Containerd == "":
		return found{}, fmt.Errorf("the bundle %.120q is not one of Docker's", bundle)
	}
	return askContainerd(ctx, s.Containerd, namespace, c.id, bundle)
}

// digestAnnotations are those in which runtimes write an image's reference.
var digestAnnotations = []string{"io.kubernetes.cri-o.ImageName", "io.kubernetes.cri.image-name", "org.opencontainers.image.ref.name"}

func annotated(dir string) (found, error) {
	config, err := readBundle(dir)
	if err != nil {
		return found{}, err
	}
	for _, key := range digestAnnotations {
		if name := config.Annotations[key]; name != "" {
			if _, digest, ok := strings.Cut(name, "@"); ok {
				return found{images: []image{{name, digest}}}, nil
			}
			return found{}, fmt.Errorf("its annotation %s has no digest: %.120q", key, name)
		}
	}
	return found{}, errors.New("no annotation names its image")
}

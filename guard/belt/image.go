package belt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	images "github.com/containerd/containerd/api/services/images/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// found is a container's image.
type found struct{ name, digest, namespace string }

// image finds the container's image: by containerd's word where it may be asked, and by nobody else's then.
func (s Settings) image(ctx context.Context, c call) (found, error) {
	if s.Containerd != "" {
		return askContainerd(ctx, s.Containerd, c)
	}
	if !s.Annotations {
		return found{}, errors.New("the runtime is not told which image a container is of, and nobody may be asked")
	}
	return annotated(c.bundle)
}

// askContainerd asks for the container, and for what its image's name leads to. A name that was given to another image since the container
// was made leads to that one: NRI sees this, the belt does not.
func askContainerd(ctx context.Context, socket string, c call) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	bundle, err := filepath.Abs(c.bundle)
	if err != nil {
		return found{}, err
	}
	namespace := filepath.Base(filepath.Dir(bundle)) // STATE/io.containerd.runtime.v2.task/NAMESPACE/ID
	if filepath.Base(bundle) != c.id {
		return found{}, fmt.Errorf("the bundle %.120q is not containerd's bundle of it", bundle)
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return found{}, err
	}
	defer func() { _ = conn.Close() }()
	ctx = metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace)
	got, err := containers.NewContainersClient(conn).Get(ctx, &containers.GetContainerRequest{ID: c.id})
	if err != nil {
		return found{}, fmt.Errorf("asking containerd for it in the namespace %.40q: %w", namespace, err)
	}
	name := got.GetContainer().GetImage()
	if name == "" {
		return found{}, errors.New("containerd does not know its image (Docker without containerd's image store tells it none)")
	}
	image, err := images.NewImagesClient(conn).Get(ctx, &images.GetImageRequest{Name: name})
	if err != nil {
		return found{}, fmt.Errorf("asking containerd for the image %.120q: %w", name, err)
	}
	return found{name, image.GetImage().GetTarget().GetDigest(), got.GetContainer().GetLabels()["io.kubernetes.pod.namespace"]}, nil
}

// digestAnnotations are those in which runtimes write an image's reference.
var digestAnnotations = []string{"io.kubernetes.cri-o.ImageName", "io.kubernetes.cri.image-name", "org.opencontainers.image.ref.name"}

// maxBundle is the greatest size of a bundle's config.json, in bytes.
const maxBundle = 8 << 20

func annotated(bundle string) (found, error) {
	f, err := os.Open(filepath.Join(bundle, "config.json")) //nolint:gosec // the caller's bundle
	if err != nil {
		return found{}, err
	}
	defer func() { _ = f.Close() }()
	var config struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxBundle)).Decode(&config); err != nil {
		return found{}, fmt.Errorf("reading the bundle's config.json: %w", err)
	}
	for _, key := range digestAnnotations {
		if name := config.Annotations[key]; name != "" {
			if _, digest, ok := strings.Cut(name, "@"); ok {
				return found{name: name, digest: digest}, nil
			}
			return found{}, fmt.Errorf("its annotation %s has no digest: %.120q", key, name)
		}
	}
	return found{}, errors.New("no annotation names its image")
}

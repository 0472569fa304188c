package belt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	images "github.com/containerd/containerd/api/services/images/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/selfsame-build/selfsame/guard/wire"
)

// dial gives a connection to containerd, and the context for calls in a namespace of its.
func dial(ctx context.Context, socket, namespace string) (context.Context, *grpc.ClientConn, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace), conn, err
}

// askContainerd asks for the container, and for what its image's name leads to. A name that was given to another image since the container
// was made leads to that one: NRI sees this, the belt does not.
func askContainerd(ctx context.Context, socket, namespace, id, dir string) (found, error) {
	ctx, conn, err := dial(ctx, socket, namespace)
	if err != nil {
		return found{}, err
	}
	defer func() { _ = conn.Close() }()
	got, err := containers.NewContainersClient(conn).Get(ctx, &containers.GetContainerRequest{ID: id})
	if err != nil {
		return found{}, fmt.Errorf("asking containerd for it in the namespace %.40q: %w", namespace, err)
	}
	name := got.GetContainer().GetImage()
	if name == "" {
		return found{}, errors.New("containerd does not know its image (Docker without containerd's image store tells it none: have the settings name Docker's folder)")
	}
	stored, err := images.NewImagesClient(conn).Get(ctx, &images.GetImageRequest{Name: name})
	if err != nil {
		return found{}, fmt.Errorf("asking containerd for the image %.120q: %w", name, err)
	}
	by := image{name, stored.GetImage().GetTarget().GetDigest()}
	volumes, err := askVolumes(ctx, images.NewImagesClient(conn), dir)
	return found{[]image{by}, volumes, got.GetContainer().GetLabels()["io.kubernetes.pod.namespace"]}, err
}

// askVolumes asks for the names of the images that a container mounts (CRI's image volumes). Their digests are in the mounts' sources.
func askVolumes(ctx context.Context, client images.ImagesClient, dir string) (all []group, err error) {
	bundle, err := readBundle(dir)
	if err != nil {
		return nil, err
	}
	for _, m := range bundle.Mounts {
		_, digest, is := wire.ImageVolume(filepath.Clean(m.Source))
		switch {
		case !is:
			continue
		case digest == "":
			return nil, fmt.Errorf("the image that is mounted at %.80q has no sha256 digest", m.Destination)
		}
		if len(all) >= maxVolumes {
			return nil, fmt.Errorf("it mounts more than %d images", maxVolumes)
		}
		got, err := client.List(ctx, &images.ListImagesRequest{Filters: []string{"target.digest==" + strconv.Quote(digest)}})
		if err != nil {
			return nil, fmt.Errorf("asking containerd for the image %s, mounted at %.80q: %w", digest, m.Destination, err)
		}
		g := group{at: m.Destination}
		known := map[string]bool{}
		for _, i := range got.GetImages() {
			name, err := wire.Repository(i.GetName())
			if err == nil && i.GetTarget().GetDigest() == digest && !known[name] {
				known[name] = true
				g.images = append(g.images, image{name, digest})
			}
		}
		switch {
		case len(g.images) == 0:
			return nil, fmt.Errorf("containerd has no name for the image %s, mounted at %.80q", digest, m.Destination)
		case len(g.images) > maxNames:
			return nil, fmt.Errorf("%w: the image %s, mounted at %.80q, has %d names, and %d are asked about", errTooMany, digest, m.Destination, len(g.images), maxNames)
		}
		all = append(all, g)
	}
	return all, nil
}

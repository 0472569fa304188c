package belt

import (
	"context"
	"errors"
	"fmt"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	images "github.com/containerd/containerd/api/services/images/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// dial gives a connection to containerd, and the context for calls in a namespace of its.
func dial(ctx context.Context, socket, namespace string) (context.Context, *grpc.ClientConn, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace), conn, err
}

// askContainerd asks for the container, and for what its image's name leads to. A name that was given to another image since the container
// was made leads to that one: NRI sees this, the belt does not.
func askContainerd(ctx context.Context, socket, namespace, id string) (found, error) {
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
	return found{[]image{by}, got.GetContainer().GetLabels()["io.kubernetes.pod.namespace"]}, nil
}

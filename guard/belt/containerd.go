package belt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	content "github.com/containerd/containerd/api/services/content/v1"
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
	volumes, err := askVolumes(ctx, conn, dir)
	return found{[]image{by}, volumes, got.GetContainer().GetLabels()["io.kubernetes.pod.namespace"]}, err
}

// askVolumes asks for the names of the images that a container mounts (CRI's image volumes). Their digests are in the mounts' sources.
func askVolumes(ctx context.Context, conn *grpc.ClientConn, dir string) (all []group, err error) {
	bundle, err := readBundle(dir)
	if err != nil {
		return nil, err
	}
	for _, m := range bundle.Mounts {
		_, digest, is := wire.ImageVolume(filepath.Clean(m.Source))
		if !is {
			continue
		}
		if len(all) >= maxVolumes {
			return nil, fmt.Errorf("%w: it mounts more than %d images", errTooMany, maxVolumes)
		}
		g, err := askVolume(ctx, conn, digest)
		if err != nil {
			return nil, fmt.Errorf("the image mounted at %.80q: %w", m.Destination, err)
		}
		g.at = m.Destination
		all = append(all, g)
	}
	return all, nil
}

// askVolume asks for the repositories by which an image may have been mounted: those it was pulled from. Another name is a tag that was made
// on this node (an import, `ctr image tag`), and of those no more is asked than whether anybody objects; unless there is nothing else.
func askVolume(ctx context.Context, conn *grpc.ClientConn, digest string) (g group, err error) {
	got, err := images.NewImagesClient(conn).List(ctx, &images.ListImagesRequest{Filters: []string{"target.digest==" + strconv.Quote(digest)}})
	if err != nil {
		return g, fmt.Errorf("asking containerd for the names of %s: %w", digest, err)
	}
	info, err := content.NewContentClient(conn).Info(ctx, &content.InfoRequest{Digest: digest})
	if err != nil {
		return g, fmt.Errorf("asking containerd where %s was pulled from: %w", digest, err)
	}
	pulled := pulledFrom(info.GetInfo().GetLabels())
	var tags []image
	known := map[string]bool{}
	for _, i := range got.GetImages() {
		name, err := wire.Repository(i.GetName())
		if err != nil || i.GetTarget().GetDigest() != digest || known[name] {
			continue
		}
		if known[name] = true; pulled(name) {
			g.images = append(g.images, image{name, digest})
		} else {
			tags = append(tags, image{name, digest})
		}
	}
	if g.must = len(g.images); g.must == 0 {
		g.must = len(tags)
	}
	switch g.images = append(g.images, tags...); {
	case len(g.images) == 0:
		return g, fmt.Errorf("containerd has no name for %s", digest)
	case len(g.images) > maxNames:
		return g, fmt.Errorf("%w: %s has %d names in containerd, and %d are asked about", errTooMany, digest, len(g.images), maxNames)
	}
	return g, nil
}

// What containerd notes of a blob that it pulled (core/remotes/docker/handler.go): by a registry's host, without port, the repositories. Where
// the next one did not fit (pkg/labels: 4096 bytes with the key) it is left out; a repository has at most 255.
const (
	sourceLabel = "containerd.io/distribution.source."
	fullLabel   = 4096 - len(sourceLabel) - 255 - 255
)

// pulledFrom says by a blob's labels whether it was pulled from a repository. Where a label may lack one, it was from all.
func pulledFrom(labels map[string]string) func(repository string) bool {
	return func(repository string) bool {
		host, path, _ := strings.Cut(repository, "/")
		if at := strings.LastIndex(host, ":"); at >= 0 && !strings.HasSuffix(host, "]") {
			host = host[:at]
		}
		from := labels[sourceLabel+strings.Trim(host, "[]")]
		return len(from) > fullLabel || slices.Contains(strings.Split(from, ","), path)
	}
}

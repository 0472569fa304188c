package belt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	content "github.com/containerd/containerd/api/services/content/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"

	"github.com/selfsame-build/selfsame/guard/wire"
)

// dockerNamespace is containerd's namespace for what Docker runs.
const dockerNamespace = "moby"

// dockerImage finds a container's image in the state of a Docker daemon that keeps images itself (a graph driver, not containerd's image
// store). The daemon names the container's image by its configuration's digest. Of manifests it keeps no more than digests; their bytes are in
// the content store of the containerd that it uses, since Docker 20.10.
func dockerImage(ctx context.Context, settings Settings, id, bundle string) (found, error) {
	if !isName(id) {
		return found{}, fmt.Errorf("%.80q is not an id of Docker's", id)
	}
	s, err := openState(settings.Docker)
	if err != nil {
		return found{}, err
	}
	defer s.close()
	var container struct {
		ID     string
		Image  string // sha256:HEX
		Driver string
		Config struct{ Image string } // as whoever started it named it
	}
	if err := s.decode("containers/"+id+"/config.v2.json", &container); err != nil {
		return found{}, err
	}
	if container.ID != id || !wire.IsDigest(container.Image) || !isName(container.Driver) {
		return found{}, errors.New("which image it is of is not in Docker's state")
	}
	store := "image/" + container.Driver
	raw, err := s.blob(store+"/imagedb/content/sha256/"+strings.TrimPrefix(container.Image, "sha256:"), container.Image)
	if err != nil {
		return found{}, fmt.Errorf("the image's configuration (with containerd's image store leave \"docker\" out of the settings): %w", err)
	}
	if err := dockerLayers(s, store, id, raw); err != nil {
		return found{}, err
	}
	config, err := readBundle(bundle)
	if err == nil {
		err = config.mountsNone(filepath.Join(settings.Docker, container.Driver))
	}
	if err != nil {
		return found{}, err
	}
	var repositories struct {
		Repositories map[string]map[string]string
	}
	if err := s.decode(store+"/repositories.json", &repositories); err != nil {
		return found{}, err
	}
	get, closeConn, err := contentOf(ctx, settings.Containerd)
	if err != nil {
		return found{}, err
	}
	defer closeConn()
	return dockerNames(repositories.Repositories, container.Config.Image, container.Image, get)
}

// dockerLayers says whether the container lies on the layers that its image's configuration lists.
func dockerLayers(s state, store, id string, config []byte) error {
	layers, err := layersOf(config)
	if err != nil {
		return err
	}
	parent, err := s.read(store+"/layerdb/mounts/"+id+"/parent", 256)
	if err != nil {
		return err
	}
	if digest.Digest(parent) != identity.ChainID(layers) {
		return errors.New("it does not lie on its image's layers")
	}
	return nil
}

// dockerNames are the questions. Digests are listed under the repositories that they were pulled from. A container that was made by a name
// of the image is asked for under that name; one that was made by an id, under the repositories of the digests.
func dockerNames(all map[string]map[string]string, as, config string, get bytesOf) (f found, err error) {
	name, from := "", map[string]string{} // digest to repository
	for _, repo := range slices.Sorted(maps.Keys(all)) {
		same := familiar(repo) == familiar(as)
		for ref, id := range all[repo] {
			if id != config {
				continue
			}
			if same {
				name = repo
			}
			if _, d, ok := strings.Cut(ref, "@"); ok && wire.IsDigest(d) && (same || from[d] == "") {
				from[d] = repo
			}
		}
	}
	digests := slices.SortedFunc(maps.Keys(from), func(a, b string) int { // those of the very name first
		return cmp.Or(compareBool(from[b] == name, from[a] == name), strings.Compare(a, b))
	})
	if len(digests) == 0 {
		return found{}, fmt.Errorf("no digest of %.120q is known to Docker: it was built or loaded here, and not pulled", as)
	}
	digests, why := leading(get, digests, config)
	if errors.Is(why, errTooMany) {
		return found{}, why
	}
	for _, d := range digests {
		under := from[d]
		if name != "" {
			under = name
		}
		f.images = append(f.images, image{under, d})
	}
	if len(f.images) == 0 {
		return found{}, fmt.Errorf("no manifest of %.120q is kept (pull it again): %w", as, why)
	}
	return f, nil
}

// familiar is a name as Docker lists it: its repository, without the parts that Docker adds.
func familiar(name string) string {
	repo, err := wire.Repository(name)
	if err != nil {
		return name
	}
	return repo
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// contentOf reads documents of containerd's content store.
func contentOf(ctx context.Context, socket string) (get bytesOf, closeConn func(), err error) {
	if socket == "" {
		return nil, nil, errors.New(`"docker" in the settings needs "containerd": the socket of the containerd that Docker uses, which keeps manifests`)
	}
	ctx, conn, err := dial(ctx, socket, dockerNamespace)
	if err != nil {
		return nil, nil, err
	}
	client := content.NewContentClient(conn)
	return func(d string) ([]byte, error) { return readContent(ctx, client, d) }, func() { _ = conn.Close() }, nil
}

func readContent(ctx context.Context, client content.ContentClient, want string) (data []byte, err error) {
	stream, err := client.Read(ctx, &content.ReadContentRequest{Digest: want})
	for err == nil && len(data) <= maxDocument {
		var part *content.ReadContentResponse
		if part, err = stream.Recv(); err == nil {
			data = append(data, part.GetData()...)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("asking containerd for %s (of at most %d bytes): %w", want, maxDocument, err)
	}
	if digest.FromBytes(data).String() != want {
		return nil, fmt.Errorf("containerd gives other bytes for %s", want)
	}
	return data, nil
}

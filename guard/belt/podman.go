package belt

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// What containers/storage writes down (its containers.go, images.go and layers.go): arrays of these, in one file each, and in a second one
// for what need not outlive a crash.
type (
	storedContainer struct {
		ID       string `json:"id"`
		Image    string `json:"image"` // the image's id: its configuration's digest, without algorithm
		Layer    string `json:"layer"`
		Metadata string `json:"metadata"`
	}
	storedImage struct {
		ID     string   `json:"id"`
		Layer  string   `json:"layer"`
		Mapped []string `json:"mapped-layers"` // the same layer for other users
		Data   []string `json:"big-data-names"`
	}
	storedLayer struct {
		ID     string `json:"id"`
		Parent string `json:"parent"`
		Diff   string `json:"diff-digest"`
	}
)

func (c storedContainer) id() string { return c.ID }
func (i storedImage) id() string     { return i.ID }

// podmanBundle gives the driver's name if a bundle is one of podman's storage: STORAGE/DRIVER-containers/ID/userdata.
func podmanBundle(storage, bundle, id string) (driver string, ok bool) {
	rel, err := filepath.Rel(storage, bundle)
	if err != nil {
		return "", false
	}
	parts := strings.Split(rel, "/")
	if len(parts) != 3 || parts[1] != id || parts[2] != "userdata" || !isName(id) {
		return "", false
	}
	driver, ok = strings.CutSuffix(parts[0], "-containers")
	return driver, ok && isName(driver)
}

// podmanImage finds a container's image in podman's storage. Nothing counts there but what was hashed: the container's layer lies on layers
// whose content the image's configuration lists, and manifests count that name this configuration.
func podmanImage(storage, driver, id, dir string) (found, error) {
	s, err := openState(storage)
	if err != nil {
		return found{}, err
	}
	defer s.close()
	container, err := one[storedContainer](s, driver+"-containers", "containers.json", id)
	if err != nil {
		return found{}, err
	}
	if container.Image == "" {
		return found{}, errors.New("podman made it from a folder (--rootfs), and not from an image")
	}
	image, err := one[storedImage](s, driver+"-images", "images.json", container.Image)
	if err != nil {
		return found{}, err
	}
	config := "sha256:" + image.ID
	if !wire.IsDigest(config) {
		return found{}, fmt.Errorf("the image's id %.80q is not its configuration's digest", image.ID)
	}
	get := func(d, name string) ([]byte, error) {
		return s.blob(driver+"-images/"+image.ID+"/="+base64.StdEncoding.EncodeToString([]byte(name)), d)
	}
	raw, err := get(config, config)
	if err != nil {
		return found{}, err
	}
	if err := podmanLayers(s, driver, container, image, raw); err != nil {
		return found{}, err
	}
	bundle, err := readBundle(dir)
	if err == nil {
		err = bundle.mountsNone(filepath.Join(storage, driver))
	}
	if err != nil {
		return found{}, err
	}
	var digests []string
	for _, name := range image.Data {
		if d, ok := strings.CutPrefix(name, "manifest-"); ok && wire.IsDigest(d) {
			digests = append(digests, d)
		}
	}
	digests, why := leading(func(d string) ([]byte, error) { return get(d, "manifest-"+d) }, digests, config)
	return podmanNames(container, digests, why)
}

// podmanNames are the questions: the name that the container was made by, with each digest. A name says only where evidence is looked for.
func podmanNames(c storedContainer, digests []string, why error) (f found, err error) {
	var meta struct {
		Name string `json:"image-name"`
	}
	if err := strictjson.Unmarshal([]byte(c.Metadata), &meta, strictjson.Limits{AllowUnknown: true}); err != nil {
		return found{}, fmt.Errorf("what podman keeps of it: %w", err)
	}
	if errors.Is(why, errTooMany) {
		return found{}, why
	}
	if len(digests) == 0 {
		return found{}, errors.Join(fmt.Errorf("podman has no manifest of %.120q", meta.Name), why)
	}
	for _, d := range digests {
		f.images = append(f.images, image{meta.Name, d})
	}
	return f, nil
}

// podmanLayers says whether the container lies on the layers that its image's configuration lists.
func podmanLayers(s state, driver string, c storedContainer, i storedImage, config []byte) error {
	want, err := layersOf(config)
	if err != nil {
		return err
	}
	layers := map[string]storedLayer{}
	for _, name := range []string{"layers.json", "volatile-layers.json"} {
		var list []storedLayer
		if err := s.decode(driver+"-layers/"+name, &list); err != nil && !(errors.Is(err, fs.ErrNotExist) && name != "layers.json") {
			return err
		}
		for _, l := range list {
			layers[l.ID] = l
		}
	}
	base, top := layers[c.Layer].Parent, layers[i.Layer]
	mapped := slices.Contains(i.Mapped, base) && layers[base].Diff == top.Diff && layers[base].Parent == top.Parent
	if base != i.Layer && !mapped {
		return errors.New("it does not lie on its image's layers")
	}
	at := i.Layer
	for n := len(want) - 1; n >= 0; n-- {
		if digest.Digest(layers[at].Diff) != want[n] {
			return fmt.Errorf("layer %d of its image is not the one that the image's configuration lists", n+1)
		}
		at = layers[at].Parent
	}
	if at != "" {
		return errors.New("its image has more layers than its configuration lists")
	}
	return nil
}

// one is the only entry with an id, in a list or its volatile half.
func one[T interface{ id() string }](s state, folder, file, id string) (entry T, err error) {
	n := 0
	for _, name := range []string{file, "volatile-" + file} {
		var list []T
		if err := s.decode(folder+"/"+name, &list); err != nil {
			if errors.Is(err, fs.ErrNotExist) && name != file {
				continue
			}
			return entry, err
		}
		for _, e := range list {
			if e.id() == id {
				entry = e
				n++
			}
		}
	}
	if n != 1 {
		return entry, fmt.Errorf("podman's %s has %d entries for %.80s", s.path(folder+"/"+file), n, id)
	}
	return entry, nil
}

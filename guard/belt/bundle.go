package belt

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// maxBundle is the greatest size of a bundle's config.json, in bytes.
const maxBundle = 8 << 20

// bundle is what matters of a bundle's config.json (OCI runtime-spec, config.md).
type bundle struct {
	Annotations map[string]string `json:"annotations"`
	Mounts      []struct {
		Destination string   `json:"destination"`
		Source      string   `json:"source"`
		Options     []string `json:"options"`
	} `json:"mounts"`
}

func readBundle(dir string) (b bundle, err error) {
	f, err := os.Open(filepath.Join(dir, "config.json")) //nolint:gosec // the caller's bundle
	if err != nil {
		return b, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err == nil {
		err = strictjson.Unmarshal(data, &b, strictjson.Limits{MaxBytes: maxBundle, AllowUnknown: true})
	}
	if err != nil {
		return b, fmt.Errorf("reading the bundle's config.json: %w", err)
	}
	return b, nil
}

// mountsNone says whether nothing below a folder is mounted: where the layers of images lie unpacked. `--mount type=image` brings in an image
// that nobody asked about, as a bind mount or as the lower folder of an overlay. The folder counts by its real path as well: settings may name
// it by a link, and a daemon writes down where that leads.
func (b bundle) mountsNone(layers string) error {
	below := []string{layers + "/"}
	switch real, err := filepath.EvalSymlinks(layers); {
	case err == nil:
		below = append(below, real+"/")
	case !errors.Is(err, fs.ErrNotExist): // what is not there is mounted nowhere
		return err
	}
	for _, m := range b.Mounts {
		for _, dir := range below {
			if strings.HasPrefix(filepath.Clean(m.Source), dir) || slices.ContainsFunc(m.Options, func(o string) bool { return strings.Contains(o, dir) }) {
				return fmt.Errorf("files of an image that nobody was asked about are mounted at %.80q", m.Destination)
			}
		}
	}
	return nil
}

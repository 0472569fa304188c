package layout_test

import (
	"path/filepath"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/layout"
)

// TestOpenNamesTheFolder: whoever gives the folder of a build's results is told which one in it is the image.
func TestOpenNamesTheFolder(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "image")
	if _, err := layout.Create(inner); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{
		dir:         "the image is in `" + inner + "`",
		t.TempDir(): "give a folder that has a file `oci-layout`, such as `selfsame build --out DIR` makes",
	} {
		_, err := layout.Open(folder)
		if all := diag.All(err); len(all) != 1 || all[0].Code != "A0518" || all[0].Help != want {
			t.Errorf("%s: %v, want the next step %s", folder, err, want)
		}
	}
}

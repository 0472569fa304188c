package seal

import (
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestPlan: no part is larger than a registry takes, nothing is lost, and nothing large is packed.
func TestPlan(t *testing.T) {
	for _, c := range []struct{ small, large, parts int }{{1, 0, 1}, {500, 0, 1}, {501, 0, 1}, {45_000, 0, 3}, {10, 2500, 3}, {0, 1001, 2}} {
		var blobs []Blob
		for i := range c.small + c.large {
			b := Blob{Digest: digest.FromString(fmt.Sprint(i)), Size: 200, MediaType: "x"}
			if i >= c.small {
				b.Size = SmallBlob
			}
			blobs = append(blobs, b)
		}
		parts, _, err := plan(blobs)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, layers := range parts {
			held := 0
			for _, l := range layers {
				held += len(l)
				if l.size() > maxPack || (len(l) > 1 && l[0].Size >= SmallBlob) {
					t.Errorf("%+v: a layer of %d blobs and %d bytes", c, len(l), l.size())
				}
			}
			if len(layers) > maxPartLayers || held > maxPartBlobs {
				t.Errorf("%+v: a part of %d layers and %d blobs", c, len(layers), held)
			}
			n += held
		}
		if n != len(blobs) || len(parts) < c.parts {
			t.Errorf("%+v: %d of %d blobs in %d parts", c, n, len(blobs), len(parts))
		}
	}
}

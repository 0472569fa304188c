package verify

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// checkPlatforms compares what the index lists with what the signed provenance says was built, both ways; a platform
// manifest must be among what was built.
func (j *judge) checkPlatforms(f *findings, img image, _ statement, p provenance.Provenance) {
	built := map[string]string{}
	for _, b := range p.RunDetails.Byproducts {
		built[b.Name] = "sha256:" + b.Digest["sha256"]
	}
	if err := comparePlatforms(img, built); err != nil {
		f.fail(VerdictInvalid, "platforms", "%v", err)
		return
	}
	f.ok("platforms", "", "%s", strings.Join(sortedKeys(built), ", "))
}

func comparePlatforms(img image, built map[string]string) error {
	if !img.index {
		for platform, d := range built {
			if d == img.desc.Digest.String() && (img.platform == "" || img.platform == platform) {
				return nil
			}
		}
		return fmt.Errorf("the build made no such manifest for %s", img.label)
	}
	if len(img.children) == 0 {
		return fmt.Errorf("the index lists nothing")
	}
	listed := map[string]string{}
	for _, c := range img.children {
		if _, twice := listed[c.platform]; twice {
			return fmt.Errorf("the index lists %s twice", c.platform)
		}
		if !artifact.IsManifest(c.desc.MediaType) {
			return fmt.Errorf("the index lists %s as %q, which is no manifest", c.platform, c.desc.MediaType)
		}
		listed[c.platform] = c.desc.Digest.String()
		if built[c.platform] != c.desc.Digest.String() {
			return fmt.Errorf("the index lists %s as %s, the build made %q", c.platform, c.desc.Digest, built[c.platform])
		}
	}
	for platform := range built {
		if listed[platform] == "" {
			return fmt.Errorf("the build made %s, the index does not list it", platform)
		}
	}
	return nil
}

package compare

import (
	"encoding/json"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxStepName is how much of an instruction's text is kept, in bytes.
const maxStepName = 400

// History are the steps that made the layers, by layer, as the config's history tells: untrusted, and empty where it does not fit the
// layers.
func (i *Image) History() map[int]Step {
	var c ocispec.Image
	if json.Unmarshal(i.config, &c) != nil {
		return nil
	}
	out, n := map[int]Step{}, 0
	for _, h := range c.History {
		if h.EmptyLayer {
			continue
		}
		name := h.CreatedBy
		if name == "" {
			name = h.Comment
		}
		out[n] = Step{Name: clip(name, maxStepName)}
		n++
	}
	if n != len(i.layers) {
		return nil
	}
	return out
}

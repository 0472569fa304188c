package builder

import (
	"context"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
)

// maxStagesNamed is how many stages of one platform are brought out at most.
const maxStagesNamed = 32

// stages brings out what the image's copies take from.
func (out *Repetition) stages(ctx context.Context, drafts map[string]*graph.Draft, h *Host, bring func(context.Context, *graph.Draft, string) ([]digest.Digest, error)) error {
	for _, platform := range sortedKeys(drafts) {
		left := maxStagesNamed
		var walk func(d *graph.Draft, path string) error
		walk = func(d *graph.Draft, path string) error {
			for _, m := range d.Made() {
				for i, from := range m.From {
					if left--; left < 0 {
						return nil
					}
					sub, err := d.At(from.Edge, h.countLayers)
					if err != nil {
						return err
					}
					place := fmt.Sprintf("%s%s#%d", path, m.Step.Name, i)
					list, err := bring(ctx, sub, fmt.Sprintf("stage-%s-%d", strings.ReplaceAll(platform, "/", "-"), left))
					if err != nil {
						return err
					}
					if list != nil {
						out.Stages[place] = list
					}
					if err := walk(sub, place+" "); err != nil {
						return err
					}
				}
			}
			return nil
		}
		if err := walk(drafts[platform], platform+" "); err != nil {
			return fmt.Errorf("bringing out the stages of %s: %w", platform, err)
		}
	}
	return nil
}

package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// change is one operation of a JSON patch (RFC 6902).
type change struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value"`
}

// mutate pins what has no digest: `name:tag` becomes `name:tag@sha256:...`, which runtimes pull by the digest while people still read the
// tag. It refuses nothing. A namespace in audit mode is left as it is.
func (g *Gate) mutate(ctx context.Context, s subject) (patch []change, warnings []string) {
	if s.skip != "" || s.mode == Audit {
		return nil, nil
	}
	all, err := images(s.places)
	if err != nil {
		return nil, []string{clip("selfsame: "+err.Error(), maxWarning)}
	}
	g.resolve(ctx, all)
	for _, i := range all {
		switch {
		case i.err != nil && i.ref.Name != "": // what is no reference yet may become one: sidecar injectors write such
			warnings = append(warnings, clip(fmt.Sprintf("selfsame: %s is left without a digest: %s", shown(i.written), firstLine(i.err.Error())), maxWarning))
		case i.err == nil && i.ref.Digest != "":
			for _, p := range i.places {
				if !strings.Contains(p.Image, "@") {
					patch = append(patch, change{Op: "replace", Path: p.Path, Value: p.Image + "@" + i.ref.Digest.String()})
				}
			}
		}
	}
	return patch, warnings
}

// resolve gives a digest to every image that has a tag alone, or an error. All are asked for at once.
func (g *Gate) resolve(ctx context.Context, all []*image) {
	var wait sync.WaitGroup
	for _, i := range all {
		switch {
		case i.err != nil || i.ref.Digest != "":
		case !g.opts.Scope(i.ref.Name):
			i.err = fmt.Errorf("no rule of the policy could allow images of %s", i.ref.Name)
		default:
			wait.Go(func() { i.ref.Digest, i.err = g.opts.Tags.Resolve(ctx, i.ref.Name+":"+i.ref.Tag) })
		}
	}
	wait.Wait()
}

func encode(patch []change) ([]byte, error) {
	if len(patch) == 0 {
		return nil, nil
	}
	return json.Marshal(patch)
}

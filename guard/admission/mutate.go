package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
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

// resolve gives a digest to every image that has a tag alone, or an error. All are asked for at once, within the bound of reviews under way.
func (g *Gate) resolve(ctx context.Context, all []*image) {
	var loose []*image
	var refs []string
	for _, i := range all {
		if i.err != nil || i.ref.Digest != "" {
			continue
		}
		if i.err = g.opts.Scope(i.ref.Name); i.err == nil {
			loose, refs = append(loose, i), append(refs, i.ref.Name+":"+i.ref.Tag)
		} else if says, ok := errors.AsType[interface {
			error
			Fix() string
		}](i.err); ok {
			i.fix = says.Fix()
		}
	}
	if len(loose) == 0 {
		return
	}
	found, err := bounded(ctx, func(ctx context.Context) []resolved { return g.ask(ctx, refs) }, g.tags, g.underway)
	if errors.Is(err, errPending) {
		err = errNoTag
	}
	for n, i := range loose {
		if i.err = err; err == nil {
			i.ref.Digest, i.err = found[n].digest, found[n].err
		}
	}
}

var errNoTag = errors.New("no answer from its registry in time; try again")

// resolved is what a tag leads to.
type resolved struct {
	digest digest.Digest
	err    error
}

// ask touches nothing of the review, which may have been answered when it ends.
func (g *Gate) ask(ctx context.Context, refs []string) []resolved {
	out := make([]resolved, len(refs))
	var wait sync.WaitGroup
	for n, ref := range refs {
		wait.Go(func() { out[n].digest, out[n].err = g.opts.Tags.Resolve(ctx, ref) })
	}
	wait.Wait()
	return out
}

func encode(patch []change) ([]byte, error) {
	if len(patch) == 0 {
		return nil, nil
	}
	return json.Marshal(patch)
}

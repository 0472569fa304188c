package compare

import (
	"context"
	"encoding/json"
	"fmt"
)

// addLayers compares the layers one by one. a and b are laid out side by side.
func (r *Report) addLayers(ctx context.Context, a, b *Image, opt Options) error {
	total, looks := 0, maxLooks
	steps := opt.stepsAt(a, b)
	for n, l := range a.layers {
		m := b.layers[n]
		if l.there() && m.there() && l.DiffID == m.DiffID && l.Digest == m.Digest {
			continue
		}
		rep := LayerReport{Step: steps[n], DiffIDA: l.DiffID, DiffIDB: m.DiffID}
		var diffs []Difference
		switch {
		case !l.there() || !m.there():
			r.Level = LevelDifferent
			diffs = []Difference{onlyOne(l, m, steps[n])}
		case l.DiffID != m.DiffID:
			r.Level = LevelDifferent
			opt.Steps = steps
			var err error
			d := layerDiff{ctx: ctx, a: a, b: b, i: n, opt: opt, look: min(looks, maxLooksLayer)}
			looks -= d.look
			if rep, diffs, err = d.run(min(opt.MaxDifferences, maxTotal-total)); err != nil {
				return err
			}
			looks += d.look // what this layer left over
		default:
			diffs = []Difference{encodingDiff(l, m, steps[n])}
		}
		total += min(len(diffs), maxTotal-total)
		number(&rep, diffs, l.Index, m.Index)
		r.Layers = append(r.Layers, rep)
		r.Differences = append(r.Differences, diffs...)
	}
	return nil
}

// number says where the layer stands in A and in B, and gives it and its differences A's place; one that only B has, B's.
func number(rep *LayerReport, diffs []Difference, inA, inB int) {
	rep.Index, rep.IndexA, rep.IndexB = inA, inA, inB
	if inA < 0 {
		rep.Index = inB
	}
	for i := range diffs {
		diffs[i].Layer = rep.Index
	}
}

// onlyOne is a layer that the other side does not have.
func onlyOne(a, b Layer, step Step) Difference {
	d := Difference{Kind: KindLayers, Step: step}
	x, y := string(a.DiffID), string(b.DiffID)
	if a.there() {
		d.Fields = []Field{field("diffID", &x, nil)}
	} else {
		d.Fields = []Field{field("diffID", nil, &y)}
	}
	return d
}

// stepsAt are the steps by the place at which the layers are laid out.
func (o Options) stepsAt(a, b *Image) map[int]Step {
	ofB := o.StepsB
	if ofB == nil {
		ofB = o.Steps
	}
	out := map[int]Step{}
	for n, l := range a.layers {
		if l.there() {
			out[n] = o.Steps[l.Index]
		} else {
			out[n] = ofB[b.layers[n].Index]
		}
	}
	return out
}

// manifestsSideBySide are both manifests with their layers listed at the places that slots give them, so that a layer too many does not
// make every later entry of the list differ.
func manifestsSideBySide(a, b *Image, slots []slot) (x, y []byte, err error) {
	if byPlace(slots) {
		return a.manifest, b.manifest, nil
	}
	if x, err = spread(a.manifest, slots, func(s slot) int { return s.a }); err != nil {
		return nil, nil, err
	}
	y, err = spread(b.manifest, slots, func(s slot) int { return s.b })
	return x, y, err
}

func spread(manifest []byte, slots []slot, place func(slot) int) ([]byte, error) {
	v, err := decodeJSON(manifest)
	if err != nil {
		return nil, err
	}
	fields, _ := v.(map[string]any)
	list, _ := fields["layers"].([]any)
	out := make([]any, len(slots)) // null where there is none
	for n, s := range slots {
		if p := place(s); p >= len(list) {
			return nil, fmt.Errorf("the manifest lists %d layers", len(list))
		} else if p >= 0 {
			out[n] = list[p]
		}
	}
	if fields == nil {
		return manifest, nil
	}
	fields["layers"] = out
	return json.Marshal(fields)
}

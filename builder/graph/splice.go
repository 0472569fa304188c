package graph

import (
	"fmt"
	"maps"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// edge is one output of one op.
type edge struct {
	op    digest.Digest
	index int64
}

// rebuild copies a definition op by op, in its own order (inputs first). visit may change the op, or return an edge that
// takes its place. The result's last op is the definition's.
type rebuild struct {
	out   *pb.Definition
	have  map[digest.Digest]bool
	moved map[edge]edge
}

func newRebuild() *rebuild {
	return &rebuild{
		out:   &pb.Definition{Metadata: map[string]*pb.OpMetadata{}, Source: &pb.Source{Locations: map[string]*pb.Locations{}}},
		have:  map[digest.Digest]bool{},
		moved: map[edge]edge{},
	}
}

// add appends an op unless it is there, and gives its digest.
func (r *rebuild) add(op *pb.Op, md *pb.OpMetadata, loc *pb.Locations) (digest.Digest, error) {
	dt, err := marshalOp(op)
	if err != nil {
		return "", err
	}
	d := digest.FromBytes(dt)
	if !r.have[d] {
		r.have[d] = true
		r.out.Def = append(r.out.Def, dt)
		if md != nil {
			r.out.Metadata[d.String()] = md
		}
		if loc != nil {
			r.out.Source.Locations[d.String()] = loc
		}
	}
	return d, nil
}

// run copies def. visit gets each op with its inputs already renamed.
func (r *rebuild) run(def *pb.Definition, visit func(old digest.Digest, op *pb.Op, md *pb.OpMetadata) (*edge, error)) error {
	if def.Source != nil {
		r.out.Source.Infos = def.Source.Infos
	}
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return fmt.Errorf("decoding an op: %w", err)
		}
		old := digest.FromBytes(dt)
		for _, in := range op.Inputs {
			e := edge{digest.Digest(in.Digest), in.Index}
			if to, ok := r.moved[e]; ok {
				in.Digest, in.Index = to.op.String(), to.index
			}
		}
		md := def.Metadata[old.String()]
		if md != nil {
			md = md.CloneVT()
		}
		to, err := visit(old, &op, md)
		if err != nil {
			return err
		}
		if to != nil {
			r.moved[edge{old, 0}] = *to
			continue
		}
		var loc *pb.Locations
		if def.Source != nil {
			loc = def.Source.Locations[old.String()]
		}
		d, err := r.add(&op, md, loc)
		if err != nil {
			return err
		}
		r.move(old, d, &op)
	}
	return nil
}

// move notes that every output of old is now an output of the op with digest d.
func (r *rebuild) move(old, d digest.Digest, op *pb.Op) {
	n := int64(1)
	if e := op.GetExec(); e != nil {
		n = int64(len(e.Mounts))
	}
	if f := op.GetFile(); f != nil {
		n = int64(len(f.Actions))
	}
	for i := range n {
		r.moved[edge{old, i}] = edge{d, i}
	}
}

// splice puts the graph of each base where the author's graph names an image.
func (d *Draft) splice() error {
	r := newRebuild()
	done := map[source]edge{}
	err := r.run(d.def, func(_ digest.Digest, op *pb.Op, _ *pb.OpMetadata) (*edge, error) {
		src := op.GetSource()
		if src == nil {
			return nil, nil
		}
		image := source{src.Identifier, platformOf(op)}
		sub, ok := d.replaced[image]
		if !ok {
			return nil, nil
		}
		if e, ok := done[image]; ok {
			return &e, nil
		}
		e, err := r.graft(sub)
		done[image] = e
		return &e, err
	})
	if err != nil {
		return err
	}
	d.def = r.out
	return nil
}

// graft copies a whole definition in and gives the edge that its last op points at.
func (r *rebuild) graft(sub *pb.Definition) (edge, error) {
	for i, dt := range sub.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return edge{}, fmt.Errorf("decoding a base's op: %w", err)
		}
		if i == len(sub.Def)-1 {
			if len(op.Inputs) != 1 {
				return edge{}, fmt.Errorf("a base's graph ends in %d inputs", len(op.Inputs))
			}
			return edge{digest.Digest(op.Inputs[0].Digest), op.Inputs[0].Index}, nil
		}
		d := digest.FromBytes(dt)
		if !r.have[d] {
			r.have[d] = true
			r.out.Def = append(r.out.Def, dt)
			maps.Copy(r.out.Metadata, map[string]*pb.OpMetadata{d.String(): sub.Metadata[d.String()]})
		}
	}
	return edge{}, fmt.Errorf("a base's graph is empty")
}

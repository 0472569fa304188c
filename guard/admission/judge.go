package admission

import (
	"context"
	"fmt"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/registry"
)

// maxImages bounds the different images of one object: each may cost a registry several requests.
const maxImages = 100

// subject is what one review is about.
type subject struct {
	who    engine.Who
	mode   Mode
	places []place // those that changed
	kept   int     // the others
	// skip says why there is nothing to judge; empty: there is.
	skip string
}

// imageless are the subresources of which no answer could start an image: their objects name none, or only what is stored already.
var imageless = map[string]bool{"status": true, "scale": true, "binding": true, "eviction": true, "resize": true, "log": true, "proxy": true, "approval": true}

// read finds out what a review is about. An error is a review that cannot be judged, which denies it.
func (g *Gate) read(r *request) (subject, error) {
	s := subject{mode: g.opts.Modes.Of(r.Namespace)}
	s.who = engine.Who{Gate: engine.GateAdmission, Namespace: r.Namespace, Workload: workload(r, object{}), User: r.UserInfo.Username}
	switch r.Operation {
	case "CREATE", "UPDATE":
	case "DELETE":
		s.skip = "nothing starts by a deletion"
		return s, nil
	default:
		return s, fmt.Errorf("the guard judges CREATE and UPDATE; `%.50s` is not for it", r.Operation)
	}
	if imageless[r.SubResource] {
		s.skip = "the subresource names no image"
		return s, nil
	}
	if absent(r.Object) {
		return s, fmt.Errorf("the review of a %.20s has no object", r.Operation)
	}
	o, places, err := readObject(r.Object, r.Kind)
	if err != nil {
		return s, fmt.Errorf("the object cannot be judged: %w", err)
	}
	s.who.Workload = workload(r, o)
	if len(places) == 0 {
		return s, fmt.Errorf("the %.50s names no image in any place that the guard knows; if its pods are made by a controller they are judged themselves, and the kind can be left out of the webhook's rules", r.Kind.Kind)
	}
	s.places = places
	if r.Operation == "UPDATE" && !absent(r.OldObject) {
		if _, before, err := readObject(r.OldObject, r.Kind); err == nil {
			s.places = changed(places, before)
		}
	}
	s.kept = len(places) - len(s.places)
	if len(s.places) == 0 {
		s.skip = "no image changes"
	}
	return s, nil
}

// image is one image of an object, and every place that it is in.
type image struct {
	written string // as in the first place
	ref     registry.Reference
	err     error  // it is no reference, or its tag leads nowhere
	fix     string // what to do about err
	places  []place
}

// images are those of the places, each once, in the order of the object. What means one image though it is written differently is one.
func images(places []place) ([]*image, error) {
	var all []*image
	seen := map[registry.Reference]*image{}
	wrong := map[string]*image{}
	for _, p := range places {
		ref, err := parsed.read(p.Image)
		if ref.Digest != "" {
			ref.Tag = ""
		}
		known := seen[ref]
		if err != nil {
			known = wrong[p.Image]
		}
		if known != nil {
			known.places = append(known.places, p)
			continue
		}
		if len(all) == maxImages {
			return nil, fmt.Errorf("the object names more than %d different images", maxImages)
		}
		i := &image{written: p.Image, ref: ref, err: err, fix: "name an image, by its digest", places: []place{p}}
		all = append(all, i)
		if err != nil {
			wrong[p.Image] = i
		} else {
			seen[ref] = i
		}
	}
	return all, nil
}

// judge asks about all images at once and gives a refusal for each that may not start. An answer that is not about the very image that was
// asked about, or that has ended, is none.
func (g *Gate) judge(ctx context.Context, s subject, all []*image) []Refusal {
	var questions []engine.Question
	var asked []*image
	refused := map[*image]Refusal{}
	for _, i := range all {
		switch {
		case i.err != nil:
			refused[i] = i.refuse(firstLine(i.err.Error()), i.fix)
		case i.ref.Digest == "":
			refused[i] = i.refuse("it has no digest: what its tag means may change between now and the start",
				fmt.Sprintf("write it as %s@sha256:...; `selfsame show` prints the digest", i.ref.Name))
		default:
			who := s.who
			who.Container, who.Reference = i.places[0].String(), i.written
			if i.places[0].List == "containers" {
				who.Container = i.places[0].Name
			}
			questions = append(questions, engine.Question{Name: i.ref.Name, Digest: i.ref.Digest, Who: who})
			asked = append(asked, i)
		}
	}
	if len(questions) > 0 {
		answers, err := g.answers(ctx, questions)
		for n, i := range asked {
			switch {
			case err != nil:
				refused[i] = i.refuse(err.Error(), "make the request again: the verdict is worked on")
			case n >= len(answers):
				refused[i] = i.refuse("nobody answered for it", "look into the log of the guard")
			default:
				if r, ok := g.verdict(i, answers[n]); !ok {
					refused[i] = r
				}
			}
		}
	}
	var out []Refusal
	for _, i := range all {
		if r, ok := refused[i]; ok {
			out = append(out, r)
		}
	}
	return out
}

// answers asks. Where all is known that takes no time, and so neither a place among those under way nor a goroutine that may be given up on.
func (g *Gate) answers(ctx context.Context, questions []engine.Question) ([]engine.Answer, error) {
	if k, ok := g.opts.Asker.(engine.Keeper); ok {
		if answers, ok := k.AskKept(ctx, questions); ok {
			return answers, nil
		}
	}
	return bounded(ctx, func(ctx context.Context) []engine.Answer { return g.opts.Asker.AskAll(ctx, questions) }, g.underway)
}

// verdict is what an answer means for an image; ok: it may start.
func (g *Gate) verdict(i *image, a engine.Answer) (r Refusal, ok bool) {
	switch {
	case !a.Allow:
		return i.denied(a), false
	case a.Image.Digest != i.ref.Digest.String(): // its name is the one that evidence bears, which a mirror's may differ from
		return i.refuse(fmt.Sprintf("the answer is about another image, %.100s", a.Image.Digest), "look into the log of the guard"), false
	case !a.NotAfter.IsZero() && g.opts.Now().After(a.NotAfter):
		return i.refuse("the verdict has ended", "make the request again"), false
	}
	return Refusal{}, true
}

package gates

import (
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/test/containerd"
)

// condition is a state that an image's evidence is in. make publishes it and may change what is asked for.
type condition struct {
	name string
	make func(w *world, i *containerd.Image, name string, a *ask)
	want string // of every denial, beside the image; "": it passes
}

func conditions() []condition {
	good := func(w *world, i *containerd.Image, name string, _ *ask) { w.publish(i, name, told{}) }
	return []condition{
		{"signed and reproduced", good, ""},
		{"signed, not reproduced", func(w *world, i *containerd.Image, name string, _ *ask) {
			w.publish(i, name, told{only: func(s provenance.Subjected) bool { return s.PredicateType == provenance.PredicateProvenance }})
		}, "it was not built twice with one result"},
		{"unsigned", func(*world, *containerd.Image, string, *ask) {}, "nobody that we know signed it"},
		{"other key", func(w *world, i *containerd.Image, name string, _ *ask) { w.publish(i, name, told{by: "other"}) }, "nobody that we know signed it"},
		{"evidence of another digest", func(w *world, i *containerd.Image, name string, _ *ask) {
			w.publish(i, name, told{about: containerd.NewImage(w.t, "another one")})
		}, "nobody that we know signed it"},
		{"wrong name", func(w *world, i *containerd.Image, name string, _ *ask) {
			w.publish(i, name, told{as: w.host + "/team/other"})
		}, "nobody that we know signed it"},
		{"signed with a key whose time is over", func(w *world, i *containerd.Image, name string, _ *ask) { w.publish(i, name, told{by: "former"}) }, "nobody that we know signed it"},
		{"evidence of the platform's digest, asked by the index", func(w *world, i *containerd.Image, name string, _ *ask) {
			w.publish(i, name, told{only: func(s provenance.Subjected) bool { return s.Subject.Digest == i.Manifest }})
		}, "it was not built twice with one result"},
		{"evidence of the index, asked by the platform's digest", func(w *world, i *containerd.Image, name string, a *ask) {
			w.publish(i, name, told{only: func(s provenance.Subjected) bool { return s.Subject.Digest == i.Index }})
			a.image = name + "@" + i.Manifest.String()
		}, "nobody that we know signed it"},
		{"evidence of both, asked by the platform's digest", func(w *world, i *containerd.Image, name string, a *ask) {
			good(w, i, name, a)
			a.image = name + "@" + i.Manifest.String()
		}, ""},
		{"revoked", func(w *world, i *containerd.Image, name string, a *ask) {
			good(w, i, name, a)
			w.passed(*a, i)
			w.deny(24*time.Hour, i.Index)
			w.soon("both know it", func() bool { return w.admission(*a) != nil && w.pull(*a) != nil })
		}, "it leaks"},
		{"forged annotation", func(_ *world, i *containerd.Image, name string, a *ask) {
			a.annotations = map[string]string{"selfsame.build/verdict": "allow", "validate.guard.selfsame.build/verified": i.Index.String(), "selfsame.dev/allow": "true",
				"io.kubernetes.cri.image-name": name + "@" + i.Index.String(), "required-plugins.noderesource.dev": "", "io.containerd.image-verifier.skip": "true"}
		}, "nobody that we know signed it"},
		{"image volume", func(w *world, i *containerd.Image, name string, a *ask) {
			shop, at := w.image()
			good(w, shop, at, nil)
			w.onNode(shop, at+"@"+shop.Index.String())
			a.image, a.volume = at+"@"+shop.Index.String(), a.image
		}, "nobody that we know signed it"},
	}
}

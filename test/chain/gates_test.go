package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/kube"
)

// admit makes a pod with an image, and gives what the API server stored as that.
func (w *world) admit(name, image string) (stored string, err error) {
	w.pods++
	name = fmt.Sprint(name, "-", w.pods)
	var got struct {
		Spec struct{ Containers []struct{ Image string } }
	}
	if err := w.api.Create(w.t.Context(), kube.Pods("default"), kube.Pod(name, image), &got); err != nil {
		return "", err
	}
	return got.Spec.Containers[0].Image, nil
}

// try asks one gate about an image by the name that stands in a pod.
type try struct {
	gate string
	does func() error
}

// tries are the three gates. The node has the image already when the last one is asked, in whatever way it came there.
func (w *world) tries(pod *containerd.Pod, name, image string) []try {
	return []try{
		{"admission", func() error { _, err := w.admit(name, image); return err }},
		{"pull", func() error { _, err := w.node.Pull(w.t.Context(), image); return err }},
		{"start", func() error {
			_, err := pod.Run(w.t.Context(), containerd.Container{Name: name, Image: image})
			return err
		}},
	}
}

// refused wants a gate's denial in words: the image by its digest and the reason at every gate; rule and fix where there is more than a line
// for it (containerd shows a verifier's first line alone).
func (w *world) refused(what string, g try, image, reason string, lines ...string) {
	w.t.Helper()
	err := g.does()
	if err == nil {
		w.t.Errorf("%s, at %s: it passes", what, g.gate)
		return
	}
	w.t.Logf("%s, at %s:\n%v", what, g.gate, err)
	want := []string{image + " is denied: ", reason}
	if g.gate != "pull" {
		want = append(want, lines...)
	}
	if refusal, ok := errors.AsType[*kube.Status](err); g.gate == "admission" && (!ok || refusal.Code != 403) {
		w.t.Errorf("%s: not a 403", what)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			w.t.Errorf("%s, at %s: no %q", what, g.gate, part)
		}
	}
}

// decided counts the decisions of a gate over an image, in the log of the one who decided.
func (w *world) decided(s *fixture.Process, gate engine.Gate, image string, allow bool) (n int) {
	w.t.Helper()
	for line := range strings.Lines(s.Out.String()) {
		var d engine.Decision
		if json.Unmarshal([]byte(line), &d) == nil && d.Who.Gate == gate && d.Image == image && d.Allow == allow {
			n++
		}
	}
	return n
}

// steal attaches the evidence of one manifest to another one, as whoever may write to the repository can: it then lies where verifiers look.
func (w *world) steal(repository string, from, to digest.Digest) {
	w.t.Helper()
	base := "http://" + w.host + "/v2/" + repository
	var list v1.Index
	raw, err := containerd.Get(w.t.Context(), base+"/referrers/"+from.String(), v1.MediaTypeImageIndex)
	w.must(err)
	w.must(json.Unmarshal(raw, &list))
	other, err := containerd.Get(w.t.Context(), base+"/manifests/"+to.String(), v1.MediaTypeImageIndex+", "+v1.MediaTypeImageManifest)
	w.must(err)
	for _, one := range list.Manifests {
		raw, err := containerd.Get(w.t.Context(), base+"/manifests/"+one.Digest.String(), one.MediaType)
		w.must(err)
		var m v1.Manifest
		w.must(json.Unmarshal(raw, &m))
		m.Subject.Digest, m.Subject.Size = to, int64(len(other))
		raw, err = json.Marshal(m)
		w.must(err)
		w.must(containerd.Put(w.t.Context(), base+"/manifests/"+digest.FromBytes(raw).String(), one.MediaType, raw))
	}
	raw, err = containerd.Get(w.t.Context(), base+"/referrers/"+to.String(), v1.MediaTypeImageIndex)
	w.must(err)
	var stolen v1.Index
	w.must(json.Unmarshal(raw, &stolen))
	if len(stolen.Manifests) != len(list.Manifests) || len(stolen.Manifests) == 0 {
		w.t.Fatalf("%d statements about %s, of %d", len(stolen.Manifests), to, len(list.Manifests))
	}
}

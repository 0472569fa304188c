package gates

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/kube"
)

// ask is what somebody wants to run: an image, by the name that stands in a pod.
type ask struct {
	image       string
	annotations map[string]string // of the pod, the pull and the container
	volume      string            // an image that is mounted
}

// gate tries one of them.
type gate struct {
	name string
	does func(ask) error
}

// all are the three gates. They may be tried at the same time.
func (w *world) all() []gate {
	return []gate{{"admission", w.admission}, {"pull", w.pull}, {"start", w.start}}
}

// admission makes a pod, up to where it would be stored.
func (w *world) admission(a ask) error {
	pod := kube.Pod(w.name("pod"), a.image)
	pod["metadata"].(map[string]any)["annotations"] = a.annotations
	if a.volume != "" {
		pod["spec"].(map[string]any)["volumes"] = []any{map[string]any{"name": "data", "image": map[string]any{"reference": a.volume}}}
	}
	return w.api.Create(w.t.Context(), kube.Pods("default")+"?dryRun=All", pod, nil)
}

// pull pulls whatever the pod names, as the kubelet does.
func (w *world) pull(a ask) error {
	for _, ref := range []string{a.image, a.volume} {
		if ref == "" {
			continue
		}
		if _, err := w.node.PullAs(w.t.Context(), ref, a.annotations); err != nil {
			return err
		}
	}
	return nil
}

// start starts a container of an image that is on the node already, in whatever way it came there.
func (w *world) start(a ask) error {
	c := containerd.Container{Name: w.name("c"), Image: a.image, Annotations: a.annotations}
	if a.volume != "" {
		c.ImageVolumes = map[string]string{"/data": a.volume}
	}
	id, err := w.pod.Run(w.t.Context(), c)
	if err == nil {
		_, err = w.node.Runtime.RemoveContainer(w.t.Context(), &cri.RemoveContainerRequest{ContainerId: id})
	}
	return err
}

// name is one that nothing has yet.
func (w *world) name(prefix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names++
	return fmt.Sprint(prefix, w.names)
}

// together asks every gate at once, and gives their answers by the gate's name.
func (w *world) together(a ask) map[string]error {
	out, mu, all := map[string]error{}, sync.Mutex{}, sync.WaitGroup{}
	for _, g := range w.all() {
		all.Go(func() {
			err := g.does(a)
			mu.Lock()
			defer mu.Unlock()
			out[g.name] = err
		})
	}
	all.Wait()
	return out
}

// passes wants an image to get through every gate.
func (w *world) passes(t *testing.T, a ask) {
	t.Helper()
	for _, g := range w.all() {
		t.Run(g.name, func(t *testing.T) {
			if err := g.does(a); err != nil {
				t.Error(err)
			}
		})
	}
}

// refused wants a denial at every gate; words are for all of them, also says what one gate says beside that.
func (w *world) refused(t *testing.T, a ask, words []string, also map[string]string) {
	t.Helper()
	for _, g := range w.all() {
		t.Run(g.name, func(t *testing.T) { denied(t, g.does(a), append([]string{also[g.name]}, words...)...) })
	}
}

// denied wants an error with words.
func denied(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Error("it passes")
		return
	}
	t.Log(err)
	for _, want := range words {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

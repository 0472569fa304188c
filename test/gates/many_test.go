package gates

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/kube"
)

// each calls f n times, so many of them at once, and counts those that fail; it gives one of their errors.
func each(n, atOnce int, f func(int) error) (failed int, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan int)
	for range atOnce {
		all.Go(func() {
			for i := range turns {
				if e := f(i); e != nil {
					mu.Lock()
					failed, err = failed+1, e
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		turns <- i
	}
	close(turns)
	all.Wait()
	return failed, err
}

// counted is how often the guard asked for what is attached to an image since the last time. Once is twice: agent and webhook are two.
func (w *world) counted(d digest.Digest) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.asked[d.String()]
	delete(w.asked, d.String())
	return n
}

// fifty is a pod of 50 containers at each gate, and one of them is bad.
func (w *world) fifty(t *testing.T) {
	a, i := w.good()
	bad, _ := w.bad()
	w.counted(i.Index)
	images := make([]string, 50)
	for n := range images {
		images[n] = a.image
	}
	create := func() error {
		return w.api.Create(t.Context(), kube.Pods("default")+"?dryRun=All", kube.Pod(w.name("pod"), images...), nil)
	}
	began := time.Now()
	if err := create(); err != nil {
		t.Errorf("admission: %v", err)
	}
	t.Logf("admission, cold: %s", time.Since(began))
	if failed, err := each(50, 50, func(int) error { return w.pull(a) }); failed > 0 {
		t.Errorf("pull: %d of 50, such as %v", failed, err)
	}
	make := func(image string) func(int) error {
		return func(n int) error {
			_, err := w.pod.Create(t.Context(), containerd.Container{Name: w.name("of50-"), Image: image})
			return err
		}
	}
	began = time.Now()
	if failed, err := each(50, 50, make(a.image)); failed > 0 {
		t.Errorf("start: %d of 50, such as %v", failed, err)
	}
	t.Logf("start: 50 containers are made in %s", time.Since(began))
	if n := w.counted(i.Index); n != 2 {
		t.Errorf("agent and webhook asked the registry %d times", n)
	}
	images[37] = bad.image
	denied(t, create(), "container c37: "+bad.image+" is denied: ")
	if failed, err := each(50, 50, make(bad.image)); failed != 50 || !strings.Contains(err.Error(), bad.image+" is denied: ") {
		t.Errorf("%d of 50 bad ones refused: %v", failed, err)
	}
}

// thousand is 1,000 pods at once: as many creations as the API server takes, all of them as questions of the node, some of them as pulls.
func (w *world) thousand(t *testing.T) {
	a, i := w.good()
	bad, _ := w.bad()
	w.counted(i.Index)
	name, d, _ := strings.Cut(a.image, "@")
	t.Run("admission", func(t *testing.T) {
		began := time.Now()
		if failed, err := each(1000, 150, func(int) error { return w.admission(a) }); failed > 0 {
			t.Errorf("%d of 1,000, such as %v", failed, err)
		}
		t.Logf("in %s", time.Since(began))
		if failed, err := each(100, 100, func(int) error { return w.admission(bad) }); failed != 100 || !strings.Contains(err.Error(), bad.image+" is denied: ") {
			t.Errorf("%d of 100 bad ones refused: %v", failed, err)
		}
	})
	t.Run("pull and start", func(t *testing.T) {
		failed, err := each(1000, 1000, func(n int) error {
			q := wire.Question{Name: name, Digest: d, Who: map[string]string{"gate": []string{"pull", "start"}[n%2]}}
			if got := wire.Ask(t.Context(), filepath.Join(w.dir, "run/guard.sock"), q, wire.MaxWait); !got.Allow {
				return fmt.Errorf("%s", got.Denial)
			}
			return nil
		})
		if failed > 0 {
			t.Errorf("%d of 1,000 questions, such as %v", failed, err)
		}
		if failed, err := each(50, 50, func(int) error { return w.pull(a) }); failed > 0 {
			t.Errorf("%d of 50 pulls, such as %v", failed, err)
		}
		if failed, err := each(50, 50, func(int) error { return w.pull(bad) }); failed != 50 || !strings.Contains(err.Error(), bad.image+" is denied: ") {
			t.Errorf("%d of 50 bad pulls refused: %v", failed, err)
		}
	})
	if n := w.counted(i.Index); n != 2 {
		t.Errorf("agent and webhook asked the registry %d times", n)
	}
}

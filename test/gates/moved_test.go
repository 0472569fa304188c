package gates

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/kube"
)

// stored is what the API server makes of an image that a pod names.
func (w *world) stored(t *testing.T, image string) string {
	t.Helper()
	var got struct {
		Spec struct{ Containers []struct{ Image string } }
	}
	if err := w.api.Create(t.Context(), kube.Pods("default")+"?dryRun=All", kube.Pod(w.name("pod"), image), &got); err != nil {
		t.Fatal(err)
	}
	return got.Spec.Containers[0].Image
}

// tagMoved: between admission and pull somebody moves the tag. The pod runs what was admitted; who asks by tag asks about other bytes.
func (w *world) tagMoved(t *testing.T) {
	a, i := w.good()
	name, _, _ := strings.Cut(a.image, "@")
	tag := ask{image: name + ":v1"}
	pinned := ask{image: w.stored(t, tag.image)}
	if want := name + ":v1@" + i.Index.String(); pinned.image != want {
		t.Fatalf("stored %s, want %s", pinned.image, want)
	}
	_, bad := w.bad()
	w.must(bad.Push(t.Context(), w.host, strings.TrimPrefix(name, w.host+"/"), "v1"))
	w.must(w.node.Import(t.Context(), bad, tag.image))
	w.soon("the webhook sees where the tag leads", func() bool { return w.admission(tag) != nil })
	t.Run("what was admitted", func(t *testing.T) {
		w.passes(t, pinned)
		if got, err := w.node.Pull(t.Context(), pinned.image); err != nil || got != a.image {
			t.Errorf("pulled %s, %v; want %s", got, err, a.image)
		}
	})
	w.refused(t, tag, []string{name + "@" + bad.Index.String() + " is denied: "}, nil)
}

// staleMirror: the node pulls through a cache that gives the digest of yesterday, which was taken back since (harbor issue 21451,
// policy-controller issue 1830). What it serves is what is judged.
func (w *world) staleMirror(t *testing.T) {
	a, fresh := w.good()
	_, old := w.good()
	name, _, _ := strings.Cut(a.image, "@")
	w.must(old.Push(t.Context(), w.host, strings.TrimPrefix(name, w.host+"/"), "old"))
	w.publish(old, name, told{})
	w.deny(24*time.Hour, old.Index)
	w.mirror(t, fresh.Index.String(), old.Index.String())
	w.must(w.node.Import(t.Context(), old, name+":v1"))
	pinned := w.stored(t, name+":v1")
	if !strings.HasSuffix(pinned, "@"+fresh.Index.String()) {
		t.Fatalf("the webhook asks the registry itself: %s", pinned)
	}
	w.soon("the node knows that it was taken back", func() bool { return w.start(ask{image: name + ":v1"}) != nil })
	t.Run("pull", func(t *testing.T) {
		denied(t, w.pull(ask{image: name + ":v1"}), name+"@"+old.Index.String()+" is denied: ", "it leaks")
		// By digest the cache cannot give other bytes: containerd looks at their digest, and the image is not there.
		other, at := w.image()
		w.publish(other, at, told{})
		denied(t, w.pull(ask{image: at + "@" + other.Index.String()}), "failed to pull and unpack image")
	})
	t.Run("start", func(t *testing.T) {
		denied(t, w.start(ask{image: name + ":v1"}), name+"@"+old.Index.String()+" is denied: ", "it leaks")
	})
}

// mirror has containerd pull through a cache in which one tag leads to another digest, and another digest to other bytes.
func (w *world) mirror(t *testing.T, is, was string) {
	t.Helper()
	to := &url.URL{Scheme: "http", Host: w.host}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.URL.RawQuery = ""
		switch at := r.Out.URL.Path; {
		case !strings.Contains(at, "/manifests/"):
		case strings.HasSuffix(at, "/v1"), strings.HasSuffix(at, "@"+is):
			r.Out.URL.Path = at[:strings.LastIndex(at, "/")+1] + was
		case r.Out.Method == http.MethodGet && !strings.HasSuffix(at, was):
			r.Out.URL.Path = at[:strings.LastIndex(at, "/")+1] + was
		}
	}}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	hosts := filepath.Join(w.node.Dir, "hosts", w.host, "hosts.toml")
	plain, err := os.ReadFile(hosts) //nolint:gosec // the node's own
	w.must(err)
	text := fmt.Sprintf("server = %q\n[host.%q]\n  capabilities = ['pull', 'resolve']\n", s.URL, s.URL)
	w.must(os.WriteFile(hosts, []byte(text), 0o600))
	t.Cleanup(func() { _ = os.WriteFile(hosts, plain, 0o600) })
}

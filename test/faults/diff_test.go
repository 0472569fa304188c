package faults

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
)

// A comparison that is interrupted while it waits for a registry ends as such, has said what it waits for, and leaves nothing behind.
func TestDiffInterruptedWhileFetching(t *testing.T) {
	self := program(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var stall string // the end of the blob's address that never comes
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stall != "" && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, stall) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	var refs []string
	for _, body := range []string{"1", "2"} {
		img := layouttest.Of(t, []layouttest.Entry{layouttest.File("app", body)})
		img.Layers[0].MediaType = ocispec.MediaTypeImageLayerGzip
		dir, root := img.Write(t)
		ref := strings.TrimPrefix(s.URL, "http://") + "/image:" + body
		if _, err := registry.New(registry.Options{}).Push(t.Context(), dir, root, ref, nil); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
		opened, err := compare.Open(dir, root)
		if err != nil {
			t.Fatal(err)
		}
		stall = opened.Layers()[0].Digest.String()
	}
	cache := t.TempDir()
	cmd := exec.Command(self, "diff", refs[0], refs[1])
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 || out.Len() > 0 || !strings.Contains(errs.String(), "fetching layers of") {
		t.Errorf("%v\n%s%s", cmd.ProcessState, out.String(), errs.String())
	}
	if left, err := filepath.Glob(filepath.Join(cache, "selfsame", "tmp", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

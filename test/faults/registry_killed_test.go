package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// mortal is a registry in a process of its own, behind a door that kills it at the request of a number, and stays closed then.
type mortal struct {
	door *httptest.Server
	cmd  *exec.Cmd
	host string // of the process itself

	mu       sync.Mutex
	requests int
	dead     bool
}

// startMortal serves dir. The process is killed when request number at comes in, or, where late, while it is being answered; 0 never.
func startMortal(m *machine, dir string, at int, late bool) (*mortal, error) {
	r := &mortal{cmd: m.command(dir, "registry", "serve", "--dir", dir)}
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.kill()
		return nil, err
	}
	r.host = strings.TrimSpace(line)
	through := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.host})
	through.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	r.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests++
		now := r.requests == at
		r.mu.Unlock()
		switch {
		case now && late:
			time.AfterFunc(500*time.Microsecond, r.kill)
		case now:
			r.kill()
		}
		through.ServeHTTP(w, req)
	}))
	return r, nil
}

func (r *mortal) close() {
	r.kill()
	r.door.CloseClientConnections()
	r.door.Close()
}

func (r *mortal) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.dead {
		r.dead = true
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
}

// TestRegistryKilled kills the registry at requests all over a push, before one is answered and, at some, while it is. The build says so, a tag
// that is there when the registry is back is a whole image's, and a push then completes what there is.
func TestRegistryKilled(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	dir := scratch(t)
	m.must(0, dir, words("lock -q"))
	k := killing{m: m, dir: dir, digest: m.build(0, dir).Digest}
	whole, err := startMortal(m, t.TempDir(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if r := k.push(t.TempDir(), whole); r.code != 0 {
		t.Fatalf("unharmed: exit %d, %s", r.code, r.err)
	}
	whole.close()
	if whole.requests < 8 {
		t.Fatalf("a push of %d requests", whole.requests)
	}
	t.Logf("a push has %d requests", whole.requests)
	var all errgroup.Group
	all.SetLimit(12) // what a push waits for is mostly its next try
	for at := 1; at <= whole.requests; at++ {
		if at%5 != 1 && at < whole.requests-3 { // tags come last
			continue
		}
		for _, late := range []bool{false, true}[:1+at%2] {
			content, outs := t.TempDir(), t.TempDir()
			all.Go(func() error {
				if err := k.at(content, outs, at, late); err != nil {
					t.Errorf("killed at request %d, late %v: %v", at, late, err)
				}
				return nil
			})
		}
	}
	_ = all.Wait()
}

type killing struct {
	m           *machine
	dir, digest string
}

func (k killing) push(out string, r *mortal) result {
	return k.m.run(k.dir, "build", "-q", "--unsigned", "--out", out, "--push="+strings.TrimPrefix(r.door.URL, "http://")+"/team/app:v1")
}

func (k killing) at(content, outs string, at int, late bool) error {
	reg, err := startMortal(k.m, content, at, late)
	if err != nil {
		return err
	}
	defer reg.close()
	r := k.push(filepath.Join(outs, "1"), reg)
	if r.code != 17 && !(late && r.code == 0) || r.code == 17 && (r.out != "" || !strings.Contains(r.err, "A0511")) {
		return fmt.Errorf("exit %d, stdout %q, %s", r.code, r.out, r.err)
	}
	back, err := startMortal(k.m, content, 0, false)
	if err != nil {
		return err
	}
	defer back.close()
	ref, err := name.ParseReference(back.host+"/team/app:v1", name.Insecure)
	if err != nil {
		return err
	}
	if desc, err := remote.Get(ref); err == nil {
		if err := k.whole(desc); err != nil {
			return fmt.Errorf("what is tagged is not whole: %w", err)
		}
	}
	if r := k.push(filepath.Join(outs, "2"), back); r.code != 0 || !strings.Contains(r.out, k.digest) {
		return fmt.Errorf("back again: exit %d, %s", r.code, r.err)
	}
	return nil
}

func (k killing) whole(desc *remote.Descriptor) error {
	if desc.Digest.String() != k.digest {
		return fmt.Errorf("it is %s, want %s", desc.Digest, k.digest)
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			return err
		}
		layers, err := image.Layers() // validate reads no zstd
		if err != nil {
			return err
		}
		for _, l := range layers {
			blob, err := l.Compressed()
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, blob) // which compares its digest
			if err := errors.Join(err, blob.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}

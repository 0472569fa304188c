package faults

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs/debian"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// debianRecipe is a base and nothing else.
const debianRecipe = `recipe: v1
name: base
platforms: [linux/amd64]
epoch: 1760000000
build:
  stages:
    - name: base
      from: {debian: {suite: trixie}}
`

// mirror stands on loopback before the machine's own Debian mirror and may spoil what it says.
func mirror(t *testing.T, spoil func(w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	t.Helper()
	m, err := debian.SystemMirror(t.Context(), debian.HTTP{Client: http.DefaultClient}, os.DirFS("/"))
	if err != nil {
		t.Skipf("SKIPPED: no Debian mirror: %v", err)
	}
	proxy := http.NewServeMux()
	for prefix, to := range map[string]string{"/debian/": m.Main + "/", "/debian-security/": m.Security + "/"} {
		target, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		proxy.Handle(prefix, http.StripPrefix(prefix, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL = target.JoinPath(r.In.URL.Path)
			r.Out.Host = target.Host
		}}))
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { spoil(w, r, proxy) }))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL + "/debian"
}

// TestMirrorFaults locks a Debian base from mirrors that lie, are behind, or die. None gives a lock.
func TestMirrorFaults(t *testing.T) {
	t.Parallel()
	home := newMachine(t)
	spec, err := json.Marshal(recipes.Debian{Suite: "trixie"})
	if err != nil {
		t.Fatal(err)
	}
	newer := lock.Lock{
		Header: lock.Header{Recipe: digest.FromString("r"), Frontend: "dockerfile.v0@v0"},
		Entries: []lock.Entry{{
			Kind: lock.KindRelease, Platform: "linux/amd64", Step: "debian:trixie/" + digest.FromBytes(spec).Encoded()[:8], Digest: digest.FromString("i"),
			Size: 1, Key: "http://debian.invalid/debian/dists/trixie/InRelease", Evidence: "key:AB;date:2099-01-01T00:00:00Z",
		}},
	}
	asIs := func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }
	for name, c := range map[string]struct {
		spoil fault
		lock  string
		code  int
		words []string
	}{
		"a letter of InRelease changed":      {changed("Codename: trixie", "Codename: trixiE"), "", 15, []string{"A0712", "signature"}},
		"InRelease without its signature":    {changed("BEGIN PGP SIGNATURE", "BEGIN PGP SIGNATUR3"), "", 15, []string{"A0712"}},
		"InRelease older than the lock's":    {asIs, string(newer.Format()), 15, []string{"A0714", "2099-01-01"}},
		"dies half way, and does not return": {dies(10), "", 17, []string{"A0711"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := home.on(t)
			dir := write(t, map[string]string{"recipe.yaml": debianRecipe})
			path := filepath.Join(dir, "selfsame.lock")
			if c.lock != "" {
				put(t, path, c.lock)
			}
			r := m.must(c.code, dir, []string{"lock", "-q", "--debian-mirror", mirror(t, c.spoil)}, c.words...)
			if r.out != "" {
				t.Errorf("stdout holds %q", r.out)
			}
			if c.lock == "" {
				absent(t, path)
			} else if read(t, path) != c.lock {
				t.Error("the lock was changed")
			}
		})
	}
}

// changed replaces a word in whatever is an InRelease.
func changed(from, to string) fault {
	return only(http.MethodGet, "/InRelease", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		_, _ = w.Write([]byte(strings.Replace(rec.Body.String(), from, to, 1)))
	})
}

// dies hands over so many packages, half of one more, and nothing after that.
func dies(packages int64) fault {
	var served atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, ".deb") && served.Add(1) > packages {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			w.Header().Set("Content-Length", rec.Header().Get("Content-Length"))
			_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	}
}

// TestInterruptedBase ends lock while it fetches a base's packages, and while the base is built: no lock, no orphan, and nothing half
// done that a later run would take for whole.
func TestInterruptedBase(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	from := mirror(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) })
	dir := write(t, map[string]string{"recipe.yaml": debianRecipe})
	for _, c := range []struct {
		word  string
		after time.Duration
		sig   syscall.Signal
	}{
		{"25 of ", 0, syscall.SIGINT}, // resolving: some packages are there
		{"building the base twice", 0, syscall.SIGTERM},
		{"building the base twice", 3 * time.Second, syscall.SIGINT},
	} {
		r := m.interrupt(dir, c.sig, c.after, c.word, "lock", "--debian-mirror", from, "--progress", "quiet")
		r.check(t, "lock at "+c.word, stops[c.sig], "interrupted")
		absent(t, filepath.Join(dir, "selfsame.lock"))
		if found, err := filepath.Glob(filepath.Join(m.home, "cache/selfsame/bases/*")); err != nil || len(found) > 0 {
			t.Errorf("a base is remembered that was not proven: %v, %v", found, err)
		}
		left(t, filepath.Join(m.home, "cache/selfsame/store"))
		if found := m.strays(); len(found) > 0 {
			t.Errorf("orphans: %v", found)
		}
	}
}

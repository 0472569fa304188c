package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFromSeal builds an image again on another machine from the registry alone, then without what that needs.
func TestFromSeal(t *testing.T) {
	t.Parallel()
	first := newMachine(t)
	up := newUpstream(t, "sealed\n")
	reg := newRegistry(t, nil)
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\nADD http://"+up.host+"/two /two\n"+
		`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
	put(t, filepath.Join(dir, ".dockerignore"), "*.key\n*.pub\n")
	first.must(0, dir, words("lock -q"))
	first.must(0, dir, words("key new --out k"))
	sealed := strings.TrimSpace(first.must(0, dir, []string{"build", "-q", "--key", "k.key", "--seal", "same", "--push=" + reg.host + "/team/sealed:v1"}).out)
	bare := strings.TrimSpace(first.must(0, dir, []string{"build", "-q", "--key", "k.key", "--push=" + reg.host + "/team/bare:v1"}).out)
	apart := strings.TrimSpace(first.must(0, dir, []string{"build", "-q", "--key", "k.key", "--seal", reg.host + "/seals/x", "--push=" + reg.host + "/team/apart:v1"}).out)
	pub := filepath.Join(t.TempDir(), "k.pub")
	put(t, pub, read(t, filepath.Join(dir, "k.pub")))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	up.stop()
	digest := sealed[strings.Index(sealed, "@")+1:]
	asked := up.asked()

	second := newMachine(t)
	for name, c := range map[string]struct {
		args  []string
		code  int
		words []string
	}{
		"no seal":           {[]string{bare}, 16, []string{"A0520"}},
		"no evidence":       {[]string{reg.host + "/team/none@" + digest}, 17, []string{"A0513"}},
		"by tag":            {[]string{reg.host + "/team/sealed:v1"}, 10, []string{"digest"}},
		"no such registry":  {[]string{"127.0.0.1:1/x@" + digest}, 17, []string{"A0511"}},
		"no reference":      {[]string{"../..@" + digest}, 10, nil},
		"another's key":     {[]string{sealed, "--from-key", "other.pub"}, 16, []string{"A0339"}},
		"recipe and --from": {[]string{sealed, "."}, 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := second.on(t)
			here := t.TempDir()
			if strings.Contains(name, "key") {
				m.must(0, here, words("key new --out other"))
			}
			r := m.must(c.code, here, append([]string{"build", "-q", "--from"}, c.args...), c.words...)
			if r.out != "" {
				t.Errorf("stdout holds %q", r.out)
			}
			absent(t, filepath.Join(here, "selfsame-out", "image"))
		})
	}
	for name, ref := range map[string]string{"the same repository": sealed, "another repository": apart} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			here := t.TempDir()
			got := m.build(0, here, "--from", ref, "--from-key", pub)
			if got.Digest != digest || !got.Reproducible {
				t.Errorf("rebuilt %s, want %s", got.Digest, digest)
			}
			if f := fileOf(t, filepath.Join(here, "selfsame-out", "image"), "/one"); f != "200 sealed\n" {
				t.Errorf("the image's file holds %q", f)
			}
			clean(t, here)
		})
	}
	if up.asked() != asked {
		t.Error("upstream was asked")
	}
}

// TestFromDamagedSeal has the registry hand out a seal with a part missing or changed.
func TestFromDamagedSeal(t *testing.T) {
	t.Parallel()
	first := newMachine(t)
	var spoil fault
	reg := newRegistry(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if spoil != nil && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			spoil(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
	dir := scratch(t)
	put(t, filepath.Join(dir, ".dockerignore"), "*.key\n*.pub\n")
	first.must(0, dir, words("lock -q"))
	first.must(0, dir, words("key new --out k"))
	ref := strings.TrimSpace(first.must(0, dir, []string{"build", "-q", "--key", "k.key", "--seal", reg.host + "/seals/x", "--push=" + reg.host + "/team/x:v1"}).out)
	second := newMachine(t)
	for name, c := range map[string]struct {
		fault fault
		codes []int
	}{
		"blobs gone":    {status(404), []int{16, 17}},
		"blobs changed": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = w.Write([]byte("other bytes")) }, []int{15}},
	} {
		t.Run(name, func(t *testing.T) {
			m := second.on(t)
			spoil = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.Contains(r.URL.Path, "/seals/") {
					c.fault(w, r, next)
					return
				}
				next.ServeHTTP(w, r)
			}
			defer func() { spoil = nil }()
			here := t.TempDir()
			r := m.run(here, "build", "-q", "--from", ref)
			ok := false
			for _, code := range c.codes {
				ok = ok || r.code == code
			}
			if !ok {
				t.Errorf("exit %d, want one of %v\n%s", r.code, c.codes, r.err)
			}
			absent(t, filepath.Join(here, "selfsame-out", "image"))
		})
	}
}

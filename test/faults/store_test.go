package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (m *machine) blob(digest string) string {
	return filepath.Join(m.home, "cache/selfsame/store/blobs", strings.Replace(digest, ":", "/", 1))
}

// damages are the ways in which a blob goes bad.
var damages = map[string]func(t *testing.T, path string){
	"flipped bit": func(t *testing.T, path string) {
		data := []byte(read(t, path))
		data[len(data)/2] ^= 1
		replaceFile(t, path, data)
	},
	"truncated": func(t *testing.T, path string) { replaceFile(t, path, []byte(read(t, path))[:1]) },
	"missing": func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	},
}

// replaceFile overwrites a read-only file.
func replaceFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o444); err != nil {
		t.Fatal(err)
	}
}

// TestStoreDamage spoils a locked input, with builders that have nothing cached: it is fetched again where upstream still has
// it, and never used.
func TestStoreDamage(t *testing.T) {
	home := newMachine(t)
	up := newUpstream(t, "")
	for name, spoil := range damages {
		t.Run(name, func(t *testing.T) {
			m := home.on(t)
			up.set("locked " + name + "\n") // other bytes for each, so that the builders have nothing cached
			dir := dockerfile(t, "FROM scratch\nADD http://"+up.host+"/file /file\n", up.host)
			m.must(0, dir, words("lock -q"))
			path := m.blob(field(t, read(t, filepath.Join(dir, "selfsame.lock")), "http", 5))
			locked := read(t, path)

			spoil(t, path)
			m.must(11, dir, words("build -q --offline"), "A0338", "--offline")

			up.stop()
			m.must(17, dir, words("build -q"), "A0336", up.host)
			up.start()
			up.set("other bytes\n")
			m.must(11, dir, words("build -q"), "A0337", up.host, "lock --upgrade")
			absent(t, filepath.Join(dir, "selfsame-out", "image"))
			up.set(locked)
			m.must(0, dir, words("build -q"))
			if got := read(t, path); got != locked {
				t.Errorf("the store holds %q, want %q", got, locked)
			}
			clean(t, dir)

			spoil(t, path)
			m.must(0, dir, words("lock -q"))
			if got := read(t, path); got != locked {
				t.Errorf("after lock the store holds %q, want %q", got, locked)
			}

		})
	}
}

// TestEmptyStore builds from a lock alone, as a fresh clone on another machine does: all bytes and all headers come from upstream
// again, later, and the image is the same.
func TestEmptyStore(t *testing.T) {
	first := newMachine(t)
	up := newUpstream(t, "locked\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\nADD http://"+up.host+"/two /two\n"+
		`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
	first.must(0, dir, words("lock -q"))
	want := first.build(0, dir).Digest
	time.Sleep(1100 * time.Millisecond) // upstream's Date is another second
	second := newMachine(t)
	if got := second.build(0, dir).Digest; got != want {
		t.Errorf("built %s, want %s", got, want)
	}
	up.header("Content-Type", "text/html") // a step could see that
	if err := os.RemoveAll(filepath.Join(second.home, "cache")); err != nil {
		t.Fatal(err)
	}
	second.must(11, dir, words("build -q"), "A0337", "the headers of", up.host)
}

// TestContextDamage spoils the packed source in the store, which is made again from the folder.
func TestContextDamage(t *testing.T) {
	home := newMachine(t)
	for name, spoil := range damages {
		t.Run(name, func(t *testing.T) {
			m := home.on(t)
			dir := scratch(t)
			put(t, filepath.Join(dir, "hello"), name)
			m.must(0, dir, words("lock -q"))
			blobs, err := filepath.Glob(m.blob("sha256:*"))
			if err != nil || len(blobs) == 0 {
				t.Fatalf("the store holds %v, %v", blobs, err)
			}
			for _, b := range blobs {
				spoil(t, b)
			}
			want := m.build(0, dir).Digest
			if again := m.build(0, dir, "--no-cache").Digest; again != want {
				t.Errorf("built %s, then %s", want, again)
			}
		})
	}
}

// TestFailedRequestIsNotRemembered has a step that shrugs at a response that the store could not give. The build fails, and
// what the step made of it must not come back out of the builders' caches, where both twins would agree on it.
func TestFailedRequestIsNotRemembered(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	up := newUpstream(t, "body\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"+
		`RUN ["/step", "get", "http://`+up.host+`/one", "/one", "http://`+up.host+`/two", "/two"]`+"\n", up.host))
	m.must(0, dir, words("lock -q"))
	path := filepath.Join(dir, "selfsame.lock")
	good := read(t, path)

	t.Run("sealed miss", func(t *testing.T) {
		line := good[strings.Index(good, "\nresponse ")+1:]
		line = line[:strings.IndexByte(line, '\n')+1]
		put(t, path, strings.Replace(good, line, "", 1))
		for i := range 2 {
			t.Logf("build %d", i+1)
			r := m.on(t).must(11, dir, words("build -q"), "A0223", up.host)
			if r.out != "" {
				t.Errorf("stdout holds %q", r.out)
			}
		}
		put(t, path, good)
	})
	t.Run("damage", func(t *testing.T) {
		m := m.on(t)
		blob := m.blob(field(t, good, "response", 5))
		damages["flipped bit"](t, blob)
		m.must(11, dir, words("build -q --offline"), "A0338")
		m.must(0, dir, words("build -q"))
		kept := read(t, m.blob(field(t, good, "response", 8)))
		damages["flipped bit"](t, m.blob(field(t, good, "response", 8))) // the headers, which a step can see too
		m.must(0, dir, words("build -q --no-cache"))
		if got := read(t, m.blob(field(t, good, "response", 8))); got != kept {
			t.Errorf("the store holds headers %q, want %q", got, kept)
		}
		for _, f := range []string{"/one", "/two"} {
			if got := fileOf(t, filepath.Join(dir, "selfsame-out", "image"), f); got != "200 body\n" {
				t.Errorf("the image's %s holds %q", f, got)
			}
		}
	})
}

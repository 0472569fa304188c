package faults

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContextEscapes puts links out of the source and asks for paths out of it: a link stays a link, and nothing from outside
// gets into the image.
func TestContextEscapes(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const secret = "outside, and secret"
	outside := write(t, map[string]string{"secret": secret, "folder/secret": secret})

	t.Run("links", func(t *testing.T) {
		m := m.on(t)
		dir := dockerfile(t, "FROM scratch\nCOPY . /all/\n")
		for name, to := range map[string]string{
			"absolute": filepath.Join(outside, "secret"), "relative": relativeTo(t, dir, filepath.Join(outside, "secret")),
			"folder": filepath.Join(outside, "folder"), "dangling": "/no/such/file", "root": "/", "self": "self",
		} {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		m.must(0, dir, words("lock -q"))
		m.must(0, dir, words("build -q"))
		image := filepath.Join(dir, "selfsame-out", "image")
		all := entries(t, image)
		for _, name := range []string{"absolute", "relative", "folder", "dangling", "root", "self"} {
			if e := all["/all/"+name]; e.Header == nil || e.Typeflag != tar.TypeSymlink {
				t.Errorf("%s is no link in the image: %+v", name, e.Header)
			}
		}
		for name, e := range all {
			if strings.Contains(e.body, secret) {
				t.Errorf("%s came into the image from outside", name)
			}
		}
	})

	link := func(t *testing.T, dir, name string) {
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		dockerfile, recipe string
		code               int
	}{
		"COPY ..":              {"FROM scratch\nCOPY ../secret /x\n", "", 12},
		"COPY through a link":  {"FROM scratch\nCOPY out/secret /x\n", "", 12},
		"COPY a linked file":   {"FROM scratch\nCOPY linked /x\n", "", 12},
		"Dockerfile by ..":     {"", "build: {dockerfile: ../Dockerfile}\n", 10},
		"Dockerfile by root":   {"", "build: {dockerfile: /etc/passwd}\n", 10},
		"Dockerfile by a link": {"", "build: {dockerfile: out/Dockerfile}\n", 10},
		"source by ..":         {"FROM scratch\n", "source: {path: ../..}\nbuild: {dockerfile: Dockerfile}\n", 10},
		"COPY to ..":           {"FROM scratch\nCOPY Dockerfile ../../../../x\n", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := m.on(t)
			dir := dockerfile(t, c.dockerfile)
			put(t, filepath.Join(outside, "Dockerfile"), "FROM scratch\n")
			link(t, dir, "out")
			if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "linked")); err != nil {
				t.Fatal(err)
			}
			if c.recipe != "" {
				put(t, filepath.Join(dir, "recipe.yaml"), "recipe: v1\nname: x\nplatforms: [linux/amd64]\nepoch: 1700000000\n"+c.recipe)
			}
			lock := m.run(dir, "lock", "-q")
			build := m.run(dir, "build", "-q")
			if c.code == 10 {
				lock.check(t, "lock", 10)
			}
			build.check(t, "build", c.code)
			if image := filepath.Join(dir, "selfsame-out", "image"); exists(image) {
				for name, e := range entries(t, image) {
					if strings.Contains(e.body, secret) {
						t.Errorf("%s came into the image from outside", name)
					}
				}
			}
		})
	}
}

func relativeTo(t *testing.T, from, to string) string {
	t.Helper()
	rel, err := filepath.Rel(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

package belt_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocidigest "github.com/opencontainers/go-digest"
)

// storage is containers/storage with one container, as podman 4.3 leaves it.
type storage struct {
	container, image map[string]any
	layers           []map[string]any
	data             map[string][]byte // the image's, by name
	late             func(dir string)  // what is done to the folder in the end
	volatile         bool              // podman 5 keeps containers made with --rm in files of their own
	mounts           []map[string]any  // the bundle's; DIR is the storage
}

const containerID = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

// document adds a document under its digest, and gives that.
func (s *storage) document(prefix, text string) string {
	d := ocidigest.FromString(text).String()
	s.data[prefix+d] = []byte(text)
	names, _ := s.image["big-data-names"].([]string)
	s.image["big-data-names"] = append(names, prefix+d)
	return d
}

// mount has the container mount something at /data.
func (s *storage) mount(source, option string) {
	s.mounts = append(s.mounts, map[string]any{"destination": "/data", "source": source, "options": option})
}

func diffID(n string) string { return "sha256:" + strings.Repeat(n, 64) }

// newStorage has an image of two layers, by an index; manifest is the image's own.
func newStorage() (s *storage, index, manifest string) {
	s = &storage{image: map[string]any{"layer": "top", "mapped-layers": []string{"mapped"}}, data: map[string][]byte{}}
	config := s.document("", `{"rootfs":{"type":"layers","diff_ids":["`+diffID("1")+`","`+diffID("2")+`"]}}`)
	manifest = s.document("manifest-", `{"schemaVersion":2,"config":{"digest":"`+config+`"},"layers":[]}`)
	index = s.document("manifest-", `{"schemaVersion":2,"manifests":[{"digest":"`+diffID("9")+`"},{"digest":"`+manifest+`"}]}`)
	s.image["id"] = strings.TrimPrefix(config, "sha256:")
	s.container = map[string]any{"id": containerID, "image": s.image["id"], "layer": "rw", "metadata": `{"image-name":"registry.example.com/team/shop:v1"}`}
	s.layers = []map[string]any{
		{"id": "base", "diff-digest": diffID("1")}, {"id": "top", "parent": "base", "diff-digest": diffID("2")},
		{"id": "mapped", "parent": "base", "diff-digest": diffID("2")}, {"id": "rw", "parent": "top"}, {"id": "evil", "parent": "base", "diff-digest": diffID("3")},
	}
	return s, index, manifest
}

// write makes the folder, and gives the container's bundle.
func (s *storage) write(t *testing.T) (dir, bundle string) {
	t.Helper()
	dir = t.TempDir()
	file := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	containers := []any{s.container, map[string]any{"id": "other", "image": "other"}}
	if s.volatile {
		file("overlay-containers/containers.json", []byte("[]"))
		file("overlay-containers/volatile-containers.json", indented(t, containers))
	} else {
		file("overlay-containers/containers.json", indented(t, containers))
	}
	file("overlay-images/images.json", indented(t, []any{s.image}))
	file("overlay-layers/layers.json", indented(t, s.layers))
	id, _ := s.image["id"].(string)
	for name, data := range s.data {
		file("overlay-images/"+id+"/="+base64.StdEncoding.EncodeToString([]byte(name)), data)
	}
	bundle = filepath.Join(dir, "overlay-containers", containerID, "userdata")
	if err := os.MkdirAll(bundle, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.mounts {
		m["source"], m["options"] = strings.ReplaceAll(m["source"].(string), "DIR", dir), []string{"ro", strings.ReplaceAll(m["options"].(string), "DIR", dir)}
	}
	file("overlay-containers/"+containerID+"/userdata/config.json", indented(t, map[string]any{"ociVersion": "1.0.2", "mounts": s.mounts}))
	if s.late != nil {
		s.late(dir)
	}
	return dir, bundle
}

// pulledByMany has the image pulled by n more indexes, before the one that newStorage has: anybody can make an index of another's image, and
// whoever may pull decides how many come first.
func pulledByMany(n int) func(*storage) {
	return func(s *storage) {
		names, _ := s.image["big-data-names"].([]string)
		last := len(names) - 1
		s.image["big-data-names"] = slices.Clone(names[:last])
		for i := range n {
			s.document("manifest-", fmt.Sprintf(`{"schemaVersion":2,"annotations":{"n":"%d"},"manifests":[{"digest":%q}]}`, i, strings.TrimPrefix(names[1], "manifest-")))
		}
		s.image["big-data-names"] = append(s.image["big-data-names"].([]string), names[last]) //nolint:errcheck // a test's own
	}
}

// TestStorage: each place of podman's storage that says something else than the others do is a refusal.
func TestStorage(t *testing.T) {
	path, runtime := wrapper(t), filepath.Join(t.TempDir(), "runtime")
	if err := os.WriteFile(runtime, []byte("#!/bin/sh\nexit 42\n"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	_, index, manifest := newStorage()
	const name = "registry.example.com/team/shop@"
	byIndex, byManifest := serve(t, asker{name + index: true}), serve(t, asker{name + manifest: true})
	with := func(class, denied, allowed string) string {
		return serve(t, asker{class + " " + name + denied: true, name + allowed: true})
	}
	opened := serve(t, asker{"objected " + name + index: true, name + manifest: true, "break-glass " + name + manifest: true})
	indexBack, manifestBack := serve(t, asker{"denied " + name + index: true, name + manifest: true}), serve(t, asker{name + index: true, "denied " + name + manifest: true})
	for what, c := range map[string]struct {
		socket string
		change func(*storage)
		want   string // empty: it starts
	}{
		"as it is":                    {byIndex, func(*storage) {}, ""},
		"by the image's own manifest": {byManifest, func(*storage) {}, ""},
		"its index is taken back":     {indexBack, func(*storage) {}, name + index + " is denied: it is denied"},
		"its manifest is taken back":  {manifestBack, func(*storage) {}, name + manifest + " is denied: it is denied"},
		"its manifest is taken back, many indexes": {manifestBack, func(s *storage) {
			for _, n := range "12345" {
				s.document("manifest-", `{"schemaVersion":2,"annotations":{"n":"`+string(n)+`"},"manifests":[{"digest":"`+manifest+`"}]}`)
			}
		}, name + manifest + " is denied: it is denied"},
		"its index is taken back, after many others": {indexBack, pulledByMany(20), name + index + " is denied: it is denied"},
		"its index is taken back, after too many":    {indexBack, pulledByMany(64), "at most 64 are asked about\nbefore any rule: more leads to its image than is looked at"},
		"an index of more images than are looked at": {byIndex, func(s *storage) {
			s.document("manifest-", `{"schemaVersion":2,"manifests":[`+strings.Repeat(`{"digest":"`+diffID("9")+`"},`, 128)+`{"digest":"`+manifest+`"}]}`)
		}, "has 129 images, and 128 are looked at\n"},
		"somebody objects to its index":             {with("objected", index, manifest), func(*storage) {}, name + index + " is denied: it is objected"},
		"somebody objects to its manifest":          {with("objected", manifest, index), func(*storage) {}, name + manifest + " is denied: it is objected"},
		"somebody objects, and the glass is broken": {opened, func(*storage) {}, ""},
		"nobody can say who objects to its index":   {with("undecided", index, manifest), func(*storage) {}, name + index + " is denied: it is undecided"},
		"its index is gone":                         {with("gone", index, manifest), func(*storage) {}, ""},
		"its index's evidence does not hold":        {with("invalid", index, manifest), func(*storage) {}, ""},
		"removed when it ends":                      {byIndex, func(s *storage) { s.volatile = true }, ""},
		"for other users":                           {byIndex, func(s *storage) { s.layers[3]["parent"] = "mapped" }, ""},
		"for other users, other bytes":              {byIndex, func(s *storage) { s.layers[3]["parent"], s.layers[2]["diff-digest"] = "mapped", diffID("3") }, "does not lie on its image's layers"},
		"no container":                              {byIndex, func(s *storage) { s.container["id"] = "d" }, "has 0 entries"},
		"no image":                                  {byIndex, func(s *storage) { s.container["image"] = "" }, "not from an image"},
		"an image that is gone":                     {byIndex, func(s *storage) { s.container["image"] = "gone" }, "has 0 entries"},
		"no name":                                   {byIndex, func(s *storage) { s.container["metadata"] = "{}" }, "an image's name has between"},
		"on another layer":                          {byIndex, func(s *storage) { s.layers[3]["parent"] = "evil" }, "does not lie on its image's layers"},
		"an image on another layer":                 {byIndex, func(s *storage) { s.image["layer"], s.layers[3]["parent"] = "evil", "evil" }, "layer 2 of its image"},
		"another layer below":                       {byIndex, func(s *storage) { s.layers[0]["diff-digest"] = diffID("3") }, "layer 1 of its image"},
		"a layer too many":                          {byIndex, func(s *storage) { s.layers[0]["parent"] = "evil"; s.layers[4]["parent"] = "" }, "more layers"},
		"a layer too few":                           {byIndex, func(s *storage) { s.layers[1]["parent"] = "" }, "layer 1 of its image"},
		"a manifest of other bytes":                 {byIndex, func(s *storage) { s.data["manifest-"+index] = []byte(`{}`) }, name + manifest + " is denied"},
		"no manifest":                               {byIndex, func(s *storage) { s.image["big-data-names"] = []string{} }, "podman has no manifest"},
		"a configuration of any bytes":              {byIndex, func(s *storage) { s.data["sha256:"+s.image["id"].(string)] = []byte(`{"rootfs":{}}`) }, "is not sha256:"},
		"an index without it": {byIndex, func(s *storage) {
			s.image["big-data-names"] = nil
			s.document("manifest-", `{"schemaVersion":2,"manifests":[{"digest":"`+diffID("9")+`"}]}`)
		}, "leads to another image"},
		"an index of another image": {byIndex, func(s *storage) {
			s.image["big-data-names"] = nil
			other := s.document("manifest-", `{"schemaVersion":2,"config":{"digest":"`+diffID("9")+`"}}`)
			s.document("manifest-", `{"schemaVersion":2,"manifests":[{"digest":"`+other+`"}]}`)
		}, "podman has no manifest"},
		"both at once": {byIndex, func(s *storage) {
			config := "sha256:" + s.image["id"].(string)
			s.image["big-data-names"] = nil
			s.document("manifest-", `{"config":{"digest":"`+config+`"},"manifests":[]}`)
		}, "a manifest and an index at once"},
		"keys twice": {byIndex, func(s *storage) {
			config := "sha256:" + s.image["id"].(string)
			s.image["big-data-names"] = nil
			s.document("manifest-", `{"config":{"digest":"`+diffID("8")+`"},"config":{"digest":"`+config+`"}}`)
		}, "podman has no manifest"},
		"a volume":                   {byIndex, func(s *storage) { s.mount("DIR/volumes/v/_data", "rbind") }, ""},
		"an image mounted":           {byIndex, func(s *storage) { s.mount("DIR/overlay/evil/merged", "rbind") }, "nobody was asked about are mounted at \"/data\""},
		"an image mounted, overlaid": {byIndex, func(s *storage) { s.mount("overlay", "lowerdir=DIR/overlay/evil/merged:/nothing") }, "nobody was asked about are mounted"},
		"no bundle": {byIndex, func(s *storage) {
			s.late = func(dir string) { _ = os.Remove(dir + "/overlay-containers/" + containerID + "/userdata/config.json") }
		}, "config.json: no such file"},
		"a list that others may write": {byIndex, func(s *storage) {
			s.late = func(dir string) { _ = os.Chmod(dir+"/overlay-images/images.json", 0o666) } //nolint:gosec // what is refused
		}, "nobody else may write to"},
		"a folder that others may write": {byIndex, func(s *storage) {
			s.late = func(dir string) { _ = os.Chmod(dir+"/overlay-layers", 0o777) } //nolint:gosec // what is refused
		}, "nobody else may write to"},
		"a link": {byIndex, func(s *storage) {
			s.late = func(dir string) {
				_ = os.Rename(dir+"/overlay-images/images.json", dir+"/images.json")
				_ = os.Symlink("../images.json", dir+"/overlay-images/images.json")
			}
		}, "images.json is no file or folder of root's"},
	} {
		t.Run(what, func(t *testing.T) {
			s, _, _ := newStorage()
			c.change(s)
			dir, bundle := s.write(t)
			settings(t, path, map[string]any{"runtime": runtime, "socket": c.socket, "podman": dir, "annotations": true})
			var errs bytes.Buffer
			cmd := exec.CommandContext(t.Context(), path, "create", "--bundle", bundle, containerID)
			cmd.Stderr = &errs
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); c.want == "" && code != 42 || c.want != "" && (code != 1 || !strings.Contains(errs.String(), c.want)) {
				t.Errorf("want %q, have exit %d\n%s", c.want, code, errs.String())
			}
		})
	}
}

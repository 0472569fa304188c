package gates

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/containerd"
)

// image pushes one that differs from all others, to a repository of its own.
func (w *world) image() (i *containerd.Image, name string) {
	w.t.Helper()
	w.names++
	repository := fmt.Sprint("team/i", w.names)
	i = containerd.NewImage(w.t, repository)
	w.must(i.Push(w.t.Context(), w.host, repository, "v1"))
	return i, w.host + "/" + repository
}

// told is how evidence is published; the zero value is evidence as it should be.
type told struct {
	by    string                            // the key; "": release
	as    string                            // the repository that it names; "": the one where it lies
	about *containerd.Image                 // what it is about; nil: what it is attached to
	only  func(s provenance.Subjected) bool // says which statements are published; nil: all
}

// publish attaches provenance and the twins' rebuild statements, for index and manifest each, as `selfsame build --push` does.
func (w *world) publish(i *containerd.Image, name string, how told) {
	w.t.Helper()
	if how.by == "" {
		how.by = "release"
	}
	if how.as == "" {
		how.as = name
	}
	about := i
	if how.about != nil {
		about = how.about
	}
	repo, err := w.client.Repository(name)
	w.must(err)
	index, _, err := repo.Manifest(w.t.Context(), i.Index)
	w.must(err)
	manifest, _, err := repo.Manifest(w.t.Context(), i.Manifest)
	w.must(err)
	where := map[digest.Digest]artifact.Descriptor{about.Index: index, about.Manifest: manifest}
	all, err := provenance.Statements(build(how.as, about, index, manifest))
	w.must(err)
	for _, s := range all {
		if how.only != nil && !how.only(s) {
			continue
		}
		bundle, err := signing.SignUnchecked(w.t.Context(), w.keys[how.by], s.Payload)
		w.must(err)
		_, err = repo.Attach(w.t.Context(), where[s.Subject.Digest], artifact.Bundle(signing.BundleMediaType, bundle, s.PredicateType))
		w.must(err)
	}
}

// build is what `selfsame build` knows of an image that both twins made alike.
func build(name string, i *containerd.Image, index, manifest artifact.Descriptor) provenance.Build {
	sum := digest.FromString
	index.Digest, manifest.Digest = i.Index, i.Manifest
	return provenance.Build{
		Name: name, Index: v1.Descriptor{MediaType: index.MediaType, Digest: index.Digest, Size: index.Size}, IndexTwin: index.Digest,
		Images:       []provenance.Image{{Platform: "linux/" + runtime.GOARCH, Manifest: v1.Descriptor{MediaType: manifest.MediaType, Digest: manifest.Digest, Size: manifest.Size}, Twin: manifest.Digest, DiffIDs: []digest.Digest{sum("layer")}}},
		Recipe:       provenance.Recipe{Path: "recipe.yaml", Digest: sum("recipe"), Canonical: sum("canonical")},
		Lock:         provenance.Lock{Path: "selfsame.lock", Digest: sum("lock")},
		Source:       provenance.Source{Git: "https://git.example.com/shop.git", Commit: strings.Repeat("ab", 20), Context: sum("context")},
		Settings:     provenance.Settings{BuildKit: "v0.34.2", Compression: "zstd", Epoch: 1, Frontend: "dockerfile.v0@v0.34.2"},
		Twins:        []provenance.Twin{{Name: "A", BuildKit: "v0.34.2"}, {Name: "B", BuildKit: "v0.34.2"}},
		Axes:         []provenance.Axis{{Name: "clock", State: provenance.AxisMeasured, A: "2026", B: "2027"}},
		Independence: provenance.SameHost, BuilderID: provenance.BuilderID(provenance.ModeLocal),
		Selfsame: provenance.Program{Version: "v0.1.0"}, InvocationID: "run-1",
		Started: time.Unix(1000, 0), Finished: time.Unix(1060, 0),
	}
}

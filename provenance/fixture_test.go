package provenance

import (
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

func sum(s string) digest.Digest { return digest.FromString(s) }

func manifest(s string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: sum(s), Size: int64(len(s))}
}

// fixture is a whole, valid build; each call gives a fresh copy that a test may spoil.
func fixture() Build {
	index := manifest("index")
	index.MediaType = ocispec.MediaTypeImageIndex
	return Build{
		Name: "registry.example.com/team/shop", Index: index, IndexTwin: index.Digest,
		Images: []Image{
			{Platform: "linux/arm64", Manifest: manifest("arm64"), Twin: sum("arm64"), DiffIDs: []digest.Digest{sum("layer arm64")}},
			{Platform: "linux/amd64", Manifest: manifest("amd64"), Twin: sum("amd64"), DiffIDs: []digest.Digest{sum("layer amd64")}},
		},
		Recipe: Recipe{Path: "recipe.yaml", Digest: sum("recipe"), Canonical: sum("canonical"), Content: []byte("recipe")},
		Lock: Lock{Path: lock.FileName, Digest: sum("lock"), Entries: []lock.Entry{
			{Kind: lock.KindResponse, Platform: "linux/arm64", Step: "Dockerfile:3", Digest: sum("zlib"), Key: "http://debian.invalid/pool/z/zlib1g.deb", PURL: "pkg:deb/debian/zlib1g@1.3?arch=arm64", Evidence: "InRelease:sha256:00"},
			{Kind: lock.KindDeb, Platform: "linux/arm64", Digest: sum("zlib"), Key: "http://mirror.invalid/zlib1g.deb", PURL: "pkg:deb/debian/zlib1g@1.3?arch=arm64"},
			{Kind: lock.KindImage, Platform: "linux/amd64", Step: "Dockerfile:1", Digest: sum("base"), Key: "debian:13-slim"},
			{Kind: lock.KindResponse, Platform: "linux/amd64", Step: "Dockerfile:5", Digest: sum("same"), Key: "https://example.com/a.tgz?x=1&y=2"},
			{Kind: lock.KindResponse, Platform: "linux/arm64", Step: "Dockerfile:4", Digest: sum("same"), Key: "https://example.com/a.tgz?x=1&y=2"},
		}},
		Source: Source{Git: "https://user:secret@git.example.com/shop.git", Ref: "v1.2.3", Commit: "8f2a1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b", Context: sum("context")},
		Target: "final", Args: map[string]string{"VERSION": "1.2.3"},
		Settings: Settings{BuildKit: "v0.34.2", Exporter: map[string]string{"compression": "uncompressed", "oci-mediatypes": "true"}, Layers: "selfsame.layers/v1",
			Compression: "zstd", Epoch: 1767225600, Frontend: "dockerfile.v0@v0.34.2"},
		Twins: []Twin{
			{Name: "A", BuildKit: "v0.34.2", Daemon: sum("buildkitd"), Runc: sum("runc"), Snapshotter: "overlayfs", Kernel: "6.12.0 #1 SMP", CPU: "Example CPU"},
			{Name: "B", BuildKit: "v0.34.2", Daemon: sum("buildkitd"), Runc: sum("runc"), Tracer: sum("tracer"), Snapshotter: "overlayfs", Kernel: "6.12.0 #1 SMP", CPU: "Example CPU"},
		},
		Axes: []Axis{
			{Name: "clock", State: AxisMeasured, A: "2026-11-23", B: "2027-11-24"},
			{Name: "cpus", State: AxisApplied},
			{Name: "filesystem", State: AxisNotApplied, Reason: "no loop device"},
		},
		Independence: SameHost, BuilderID: BuilderID(ModeLocal),
		Selfsame:     Program{Version: "v0.1.0", Digest: sum("selfsame")},
		InvocationID: "0190b5f0-0000-7000-8000-000000000001",
		Started:      time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 23, 9, 1, 0, 0, time.UTC),
		Seal: "registry.example.com/team/shop-seal@" + sum("seal").String(),
	}
}

package rebuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
	"github.com/selfsame-build/selfsame/compare/inside"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/bring"
	"github.com/selfsame-build/selfsame/report"
)

type descriptor = artifact.Descriptor

var levelWords = map[provenance.Level]string{
	provenance.LevelManifest: "the same, bit for bit",
	provenance.LevelConfig:   "configuration and contents are the same, the layers are packed otherwise",
	provenance.LevelDiffIDs:  "the layers' contents are the same, the configuration differs",
}

// levelRank orders the levels; 0 is none of them.
func levelRank(l provenance.Level) int {
	return map[provenance.Level]int{provenance.LevelDiffIDs: 1, provenance.LevelConfig: 2, provenance.LevelManifest: 3}[l]
}

// compare holds the rebuilt image against the published one: first by digests, which is all that there is to do as a rule, else by contents.
func (a *Auditor) compare(ctx context.Context, o Options, got registry.Resolved, box *Sandbox, rep *builder.Repetition, res *Result) error {
	published, strange := children(got, rep.Images)
	for _, i := range rep.Images {
		p := Platform{Platform: i.Platform, Rebuilt: i.Manifest.Digest, made: i}
		if d, ok := published[i.Platform]; ok {
			p.Original, p.subject = d.Digest, d
			if d.Digest == i.Manifest.Digest {
				p.Level = provenance.LevelManifest
			}
		}
		res.Platforms = append(res.Platforms, p)
	}
	switch {
	case rep.Unequal != nil:
		res.explain(rep.Unequal)
	case rep.Index.Digest == res.Digest:
		res.Level = provenance.LevelManifest
	default:
		reports, err := a.contents(ctx, o, got, published, box, rep)
		if err != nil && (len(strange) == 0 || ctx.Err() != nil) {
			return err
		}
		if err != nil { // what the index lists is reason enough, and whoever wrote it must not keep that from being said
			a.Notice("the published image was not looked into: %v", err)
			res.unseen()
		}
		reports = append(reports, strange...)
		res.grade(reports)
		res.explain(reports)
	}
	res.conclude(o.Level, rep.Unequal != nil)
	return nil
}

// children are the entries of an index that are held against what we made, by platform, and a report for each other one: a platform that we
// did not make or that is there already, an attestation, an artifact, an index. We made nothing like it, and what an entry calls itself does
// not keep anybody from running it. None is reported on under the name that stands for the index itself, whose differences weigh less (grade).
func children(got registry.Resolved, ours []provenance.Image) (map[string]descriptor, []compare.Report) {
	out := map[string]descriptor{}
	var strange []compare.Report
	for n, c := range got.Parsed.Children() {
		p := compare.DescriptorPlatform(c)
		name := p
		switch _, taken := out[p]; {
		case p == "", p == compare.IndexPlatform, taken, compare.IsAttestation(c), c.ArtifactType != "", !imageTypes[c.MediaType]:
			name = strings.TrimSpace(fmt.Sprintf("%s (entry %d of the index)", p, n+1))
		case slices.ContainsFunc(ours, func(i provenance.Image) bool { return i.Platform == p }):
			out[p] = c
			continue
		}
		strange = append(strange, compare.OneSided(compare.PlatformManifest{Platform: name, Manifest: c.Digest}, true))
	}
	return out, strange
}

// imageTypes are the media types of an image for one platform.
var imageTypes = map[string]bool{
	ocispec.MediaTypeImageManifest:                         true,
	"application/vnd.docker.distribution.manifest.v2+json": true,
}

// contents compares what is in the images. Of the published one only layers are fetched that ours does not have by the same digest, and
// no more than the audit's disk has room for.
func (a *Auditor) contents(ctx context.Context, o Options, got registry.Resolved, published map[string]descriptor, box *Sandbox, rep *builder.Repetition) ([]compare.Report, error) {
	dir := filepath.Join(box.Dir, "published")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for the published image: %w", err)
	}
	theirs, err := bring.Open(ctx, got.Pinned(), bring.Options{Client: a.Registry, Dir: dir})
	if err != nil {
		return nil, err
	}
	defer theirs.Close() //nolint:errcheck // it was read only
	x := compare.Listing{Digest: got.Descriptor.Digest, Index: got.Raw}
	y := compare.Listing{Digest: rep.Index.Digest, Index: rep.Bytes}
	var out []compare.Report
	left := &room{limit: o.DiskBytes, left: o.DiskBytes, has: map[digest.Digest]bool{}}
	for _, i := range rep.Images {
		m := compare.PlatformManifest{Platform: i.Platform, Manifest: i.Manifest.Digest}
		y.Images = append(y.Images, m)
		d, ok := published[m.Platform]
		if !ok {
			out = append(out, compare.OneSided(m, false))
			continue
		}
		x.Images = append(x.Images, compare.PlatformManifest{Platform: m.Platform, Manifest: d.Digest})
		r, err := images(ctx, left, theirs, d.Digest, rep.Dir, m.Manifest, box)
		if err != nil {
			return nil, err
		}
		r.Platform = m.Platform // by which the index offers it, whatever its configuration says
		out = append(out, r)
	}
	if index, err := compare.Indexes(x, y); err == nil && !index.Equal() {
		out = append([]compare.Report{index}, out...)
	}
	return out, nil
}

// room is what is left of the audit's disk for what was published, of all platforms together.
type room struct {
	limit, left int64                  // bytes
	has         map[digest.Digest]bool // layers that are there
}

// take makes room for layers. Diagnostic: A0804 there is none.
func (r *room) take(layers []compare.Layer) error {
	for _, l := range layers {
		if r.has[l.Digest] {
			continue
		}
		r.has[l.Digest] = true
		if r.left -= l.Size; r.left < 0 {
			return diag.Errorf("A0804", "the published image's layers have more than %d bytes", r.limit).WithHelp("allow more: --disk GIGABYTES")
		}
	}
	return nil
}

// images compares one platform, the published image as A.
func images(ctx context.Context, left *room, theirs *bring.Image, original digest.Digest, dir string, rebuilt digest.Digest, box *Sandbox) (compare.Report, error) {
	x, err := compare.OpenBrought(theirs.Layout, original)
	if err != nil {
		return compare.Report{}, err
	}
	y, err := compare.Open(dir, rebuilt)
	if err != nil {
		return compare.Report{}, err
	}
	need, _ := compare.Needed(x, y)
	if err := left.take(need); err != nil {
		return compare.Report{}, err
	}
	if err := theirs.Fetch(ctx, need); err != nil {
		return compare.Report{}, err
	}
	return compare.Images(ctx, x, y, compare.Options{ByBlob: true, Inside: &inside.Options{Scratch: box.Dir}, Steps: x.History(), StepsB: y.History()})
}

// unseen takes the platforms that were to be looked into out of what is stated: only of the index as a whole something is known.
func (r *Result) unseen() {
	for i := range r.Platforms {
		r.Platforms[i].unseen = r.Platforms[i].Level == ""
	}
}

// grade gives each platform its level, and the image the least of them. An index that lists something else differs as a whole; and where only
// its own bytes differ, the image is not the same bit for bit.
func (r *Result) grade(reports []compare.Report) {
	least := provenance.LevelConfig
	for _, rep := range reports {
		level := levelOf(rep)
		i := slices.IndexFunc(r.Platforms, func(p Platform) bool { return p.Platform == rep.Platform })
		switch {
		case rep.Platform == compare.IndexPlatform:
			// It names digests, which differ where a platform does. Where none does, what the index itself says is no content of an image.
			level = provenance.LevelConfig
		case i >= 0:
			r.Platforms[i].Level = level
		default:
			level = "" // a platform that we did not make
		}
		if levelRank(level) < levelRank(least) {
			least = level
		}
	}
	r.Level = least
}

// levelOf is how equal two images are.
func levelOf(rep compare.Report) provenance.Level {
	switch rep.Level {
	case compare.LevelManifest:
		return provenance.LevelManifest
	case compare.LevelContent:
		return provenance.LevelConfig
	}
	for _, d := range rep.Differences {
		switch d.Kind {
		case compare.KindConfig, compare.KindManifest, compare.KindEncoding:
		default:
			return ""
		}
	}
	if len(rep.Differences) == 0 || slices.ContainsFunc(rep.Layers, func(l compare.LayerReport) bool { return l.DiffIDA != l.DiffIDB }) {
		return ""
	}
	return provenance.LevelDiffIDs
}

// explain makes the report that `build` and `diff` would make: A is the published image, or our first builder.
func (r *Result) explain(reports []compare.Report) {
	made := report.New(r.Name, reports, cause.World{})
	r.Report = &made
}

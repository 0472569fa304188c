package builder

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry"
)

// Published is a build that somebody has published, and whose evidence has been verified: nothing here checks a signature.
type Published struct {
	Repository *registry.Repository
	Index      digest.Digest
	Provenance provenance.Provenance
}

// Restored is a published build with everything in the store that it read.
type Restored struct {
	*restored
	Recipe digest.Digest // of the recipe's bytes
}

// Restore brings the inputs of a published build into the store, from its seal, and no more than maxBytes of them. Once it is clear that the
// evidence describes a build that can be repeated here, and before anything is fetched, ready is called. Diagnostics: A0803
// this version cannot repeat the build, A0804 the inputs are too large, A0339 the evidence does not describe it whole, A0520 the seal
// lacks something.
func (h *Host) Restore(ctx context.Context, p Published, maxBytes int64, ready func()) (*Restored, error) {
	in, err := p.Provenance.Internal()
	if err != nil {
		return nil, diag.Errorf("A0802", "reading the evidence: %w", err).WithWhy("what it says cannot be repeated")
	}
	made := ""
	switch {
	case in.Frontend != frontendVersion && in.Frontend != stagesVersion:
		made = in.Frontend
	case in.BuildKit != BuildKitVersion: // a recipe's stages are read by the same frontend everywhere, and built by BuildKit
		made = "BuildKit " + in.BuildKit
	}
	if made != "" {
		return nil, diag.Errorf("A0803", "the image was built by `%s`, which this version of selfsame does not have", made).
			WithWhy("another frontend or BuildKit may make another image of the same inputs").
			WithHelp("audit it with the version that the evidence names: selfsame show REF provenance")
	}
	left := &atomic.Int64{}
	left.Store(maxBytes)
	r, err := h.restoreAs(ctx, p.Repository, p.Index, p.Provenance, bounded{sink{h.Store}, left, maxBytes}, ready)
	if err != nil {
		return nil, unrepeatable(err)
	}
	return &Restored{r, digest.FromBytes(r.project.recipeBytes)}, nil
}

// unrepeatable gives what is wrong with a recipe or lock inside of evidence the evidence's own code: nobody here can correct a line of it.
func unrepeatable(err error) error {
	for _, d := range diag.All(err) {
		if strings.HasPrefix(string(d.Code), "A01") || strings.HasPrefix(string(d.Code), "A02") {
			return diag.Errorf("A0802", "the recipe or the lock in the evidence: %s", d.Error()).WithWhy("what it says cannot be repeated")
		}
	}
	return err
}

// bounded is a store that takes so many bytes and no more.
type bounded struct {
	sink
	left *atomic.Int64
	max  int64
}

// Put stores content; limit is what it has by its descriptor.
func (b bounded) Put(ctx context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	if b.left.Add(-limit) < 0 {
		b.left.Add(limit)
		return "", diag.Errorf("A0804", "the sealed inputs have more than %d bytes", b.max).WithHelp("allow more: --disk GIGABYTES")
	}
	d, err := b.sink.Put(ctx, r, limit)
	if err != nil { // nothing was kept; a part of a seal that lies about a size must not use up what the others need
		b.left.Add(limit)
	}
	return d, err
}

// Counts says how many inputs the lock has, and how many of them nothing vouches for but the recording. A refused request is no input.
func (r *Restored) Counts() provenance.Locked {
	var c provenance.Locked
	for _, e := range r.lock.Entries {
		if e.Evidence == inputs.EvidenceRefused { // no input: upstream was not asked
			continue
		}
		c.Total++
		if !vouched(e) {
			c.FirstSeen++
		}
	}
	return c
}

// vouched says whether somebody else's signature or checksum leads to an input. The date of an answer, and the commit that a branch led to,
// are what the recording saw.
func vouched(e lock.Entry) bool {
	return slices.ContainsFunc([]string{"InRelease:", "key:", "gosum:", "npm:"}, func(p string) bool { return strings.HasPrefix(e.Evidence, p) })
}

// RepeatOptions says how to repeat a build.
type RepeatOptions struct {
	// Dir is an empty folder for what comes out.
	Dir string
	// Twice builds on both twins; otherwise there is one builder.
	Twice bool
	// Stages asks for the contents of the stages that are not in the image.
	Stages bool
	// RootBytes is how much a builder may write where its root is a filesystem of its own; 0 leaves it to the machine. Builder A of two, and
	// any builder without root over the machine, has a folder, which the caller has to watch; B may have memory, of at most so much.
	RootBytes int64
	// Bases are those of earlier audits, to start from; nil: each Debian base is made anew.
	Bases *KeptBases
}

// Repetition is what came of a repeated build.
type Repetition struct {
	Dir      string             // OCI layout with the images
	Index    ocispec.Descriptor // of the index that the images make
	Bytes    []byte             // the index itself
	Images   []provenance.Image // by platform
	Builders []provenance.Twin
	Axes     []provenance.Axis // between our own builders; none where there was one
	// Unequal is what our own two builders differ in; nil: they agree, or there was one.
	Unequal []compare.Report
	// Stages are the ordered diffIDs of stages that are not in the image, by "PLATFORM STEP".
	Stages            map[string][]digest.Digest
	Started, Finished time.Time

	keptBases map[string]bool
}

// KeptBases are the names of the Debian bases that an earlier audit had made, in order; none where each was made for this one.
func (out *Repetition) KeptBases() []string { return sortedKeys(out.keptBases) }

// Repeat builds a restored build once more. No upstream is reached.
func (h *Host) Repeat(ctx context.Context, r *Restored, o RepeatOptions) (*Repetition, error) {
	platforms, err := r.choose(nil)
	if err != nil {
		return nil, err
	}
	if err := h.haveInputs(ctx, r.project, r.lock, true); err != nil {
		return nil, err
	}
	out := &Repetition{Dir: o.Dir, Started: h.Now(), Stages: map[string][]digest.Digest{}}
	if o.Twice {
		err = h.repeatTwice(ctx, r, o, platforms, out)
	} else {
		err = h.repeatOnce(ctx, r, o, platforms, out)
	}
	out.Finished = h.Now()
	return out, err
}

func (h *Host) repeatTwice(ctx context.Context, r *Restored, o RepeatOptions, platforms []string, out *Repetition) error {
	res := h.keeping(&lockResolver{h: h, p: r.project, lock: r.lock, bytes: o.RootBytes}, r, o, out)
	drafts, err := h.drafts(ctx, r.project, platforms, res)
	if err != nil {
		return err
	}
	run := &twinRun{host: h, lock: r.lock, drafts: drafts, exports: h.exports(r.project.recipe.Output.Compression), work: o.Dir, bytes: o.RootBytes}
	defer run.close()
	if err := run.build(ctx); err != nil {
		return err
	}
	proof, reports, err := run.prove(ctx)
	if err != nil {
		return err
	}
	if !proof.Valid() {
		out.Unequal = reports
	}
	out.Axes = run.axes
	for _, t := range []*twin{run.a, run.b} {
		d, err := h.describe(t, run.a.report.Release, r.Recipe)
		if err != nil {
			return err
		}
		out.Builders = append(out.Builders, d)
	}
	if o.Stages {
		if err := out.stages(ctx, drafts, h, run.sameStage); err != nil {
			return err
		}
	}
	return out.collect(ctx, run.a)
}

// sameStage is what a stage holds, if both twins say the same of it: what they differ in no auditor could be asked for.
func (r *twinRun) sameStage(ctx context.Context, d *graph.Draft, name string) ([]digest.Digest, error) {
	a, b, err := r.both(ctx, d, name)
	if err != nil || !slices.Equal(a.DiffIDs(), b.DiffIDs()) {
		return nil, err
	}
	return a.DiffIDs(), nil
}

// collect makes the index of a builder's images.
func (out *Repetition) collect(ctx context.Context, t *twin) error {
	out.Dir = t.out
	for _, platform := range sortedKeys(t.results) {
		img, err := compare.Open(t.out, t.results[platform].Manifest)
		if err != nil {
			return err
		}
		made, err := describeImage(img, platform)
		if err != nil {
			return err
		}
		out.Images = append(out.Images, made)
	}
	raw, d, err := indexOf(out.Images, func(i provenance.Image) digest.Digest { return i.Manifest.Digest })
	if err != nil {
		return err
	}
	out.Bytes, out.Index = raw, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: d, Size: int64(len(raw))}
	return t.list(ctx)
}

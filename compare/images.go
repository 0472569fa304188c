package compare

import (
	"context"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

const (
	defaultMaxDifferences = 200
	maxTotal              = 1000 // differences of one image that are described
)

// Images compares two images. A difference is a result, not an error; errors are unreadable or hostile images (diagnostic
// A0403) and a done ctx. LevelManifest is only reported after every blob of both layouts was read and has its digest, and
// every layer decompresses to its diffID; with Options.ByBlob, of equal layers only the blobs are read, or nothing.
//
// Layers of the same content belong together, and what stands between them by place: a layer too many on one side is one difference.
func Images(ctx context.Context, a, b *Image, opt Options) (Report, error) {
	if opt.MaxDifferences <= 0 {
		opt.MaxDifferences = defaultMaxDifferences
	}
	rep := Report{Platform: a.platform, A: a.side(), B: b.side(), Level: LevelManifest}
	slots := align(a.layers, b.layers)
	x, y := laidOut(a, b, slots, opt.OnRead)
	if err := checkAlike(ctx, x, y, opt); err != nil {
		return Report{}, err
	}
	if a.digest == b.digest {
		return rep, nil
	}
	metadata, err := diffMetadata(a, b, slots)
	if err != nil {
		return Report{}, err
	}
	rep.Level, rep.Differences = metadata.level, metadata.differences
	err = rep.addLayers(ctx, x, y, opt)
	return rep, err
}

func (i *Image) side() Side { return Side{Dir: i.dir, Manifest: i.digest, Layers: len(i.layers)} }

// checkAlike verifies the layers that claim to be the same on both sides, and those that one side has alone: nothing else would ever read
// them. Those that claim to differ are verified while they are compared.
func checkAlike(ctx context.Context, a, b *Image, opt Options) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	check := func(img *Image, n int, whole bool) {
		if l := img.layers[n]; opt.Checked[l.Digest] == l.DiffID {
			return
		}
		g.Go(func() error {
			if whole {
				return img.inLayer(n, img.checkLayer(ctx, n, opt.Limits))
			}
			return img.inLayer(n, img.checkBlob(ctx, n))
		})
	}
	for n, l := range a.layers {
		switch m := b.layers[n]; {
		case !l.there() || !m.there():
			if only := map[bool]*Image{true: a, false: b}[l.there()]; !opt.ByBlob {
				check(only, n, true)
			}
		case l.DiffID != m.DiffID:
		case opt.ByBlob && sameBlob(l, m):
			for _, img := range []*Image{a, b} {
				if !img.brought {
					check(img, n, false)
				}
			}
		default:
			// The same blob has the same content, if the media types agree on how to decode it.
			check(a, n, true)
			check(b, n, !sameBlob(l, m))
		}
	}
	return g.Wait()
}

// covered are the manifest and config fields that only repeat what is said about config, layers and their number.
var covered = lazyregexp.New(`^\$\.(config\.(digest|size)|layers\[\d+\]\.(digest|size))$`)

// encoding are the manifest fields that say how content is packed, not what it is.
var encoding = lazyregexp.New(`^\$\.(mediaType|config\.mediaType|layers\[\d+\]\.(mediaType|annotations)(\W.*)?)$`)

// wholeLayer is a layer that only one side has: the differing number says so.
var wholeLayer = lazyregexp.New(`^\$\.layers\[\d+\]$`)

var diffIDPath = lazyregexp.New(`^\$\.rootfs\.diff_ids\[\d+\]$`)

type metadataDiff struct {
	level       Level
	differences []Difference
}

// diffMetadata compares manifests and configs. What is only the consequence of a differing layer is not listed: the
// layer's own differences say it better.
func diffMetadata(a, b *Image, slots []slot) (metadataDiff, error) {
	m := metadataDiff{level: LevelContent}
	x, y, err := manifestsSideBySide(a, b, slots)
	if err != nil {
		return m, unreadable(err)
	}
	manifest, err := diffJSON(KindManifest, x, y, covered.MatchString)
	if err != nil {
		return m, unreadable(err)
	}
	config, err := diffJSON(KindConfig, a.config, b.config, diffIDPath.MatchString)
	if err != nil {
		return m, unreadable(err)
	}
	manifest = slices.DeleteFunc(manifest, func(d Difference) bool { return wholeLayer.MatchString(d.Path) })
	for _, d := range manifest {
		if extra := d.Path != "$" && !encoding.MatchString(d.Path); extra || d.Truncated > 0 {
			m.level = LevelDifferent
		}
	}
	if string(a.config) != string(b.config) {
		m.level = LevelDifferent
	}
	if na, nb := strconv.Itoa(len(a.layers)), strconv.Itoa(len(b.layers)); na != nb {
		m.level = LevelDifferent
		m.differences = append(m.differences, Difference{Kind: KindLayers, Layer: -1, Fields: []Field{field("layers", &na, &nb)}})
	}
	m.differences = append(m.differences, manifest...)
	m.differences = append(m.differences, config...)
	return m, nil
}

func encodingDiff(a, b Layer, step Step) Difference {
	d := Difference{Kind: KindEncoding, Layer: a.Index, Step: step}
	d.Fields = diffAttrs(
		[]attr{{"digest", string(a.Digest)}, {"mediaType", a.MediaType}, {"size", strconv.FormatInt(a.Size, 10)}},
		[]attr{{"digest", string(b.Digest)}, {"mediaType", b.MediaType}, {"size", strconv.FormatInt(b.Size, 10)}})
	return d
}

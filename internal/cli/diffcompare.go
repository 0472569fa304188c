//go:build !front

package cli

import (
	"context"
	"os"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/inside"
	"github.com/selfsame-build/selfsame/registry/bring"
)

// opened is one platform's two images.
type opened struct{ a, b *compare.Image }

// compare compares the indexes, then platform by platform.
func (p *imagePair) compare(ctx context.Context) ([]compare.Report, error) {
	pairs, err := p.pairs()
	if err != nil {
		return nil, err
	}
	p.noteSkipped()
	var reports []compare.Report
	if len(p.flags.platforms) == 0 {
		rep, err := compare.Indexes(p.listA, p.listB)
		if err != nil {
			return nil, err
		}
		if !rep.Equal() {
			reports = append(reports, rep)
		}
	}
	images, err := p.fetch(ctx, pairs)
	if err != nil {
		return nil, err
	}
	for n, pair := range pairs {
		rep, err := p.one(ctx, pair, images[n])
		if err != nil {
			return nil, err
		}
		reports = append(reports, rep)
	}
	return reports, nil
}

func (p *imagePair) one(ctx context.Context, pair platformPair, images opened) (compare.Report, error) {
	switch {
	case images.a == nil:
		return compare.OneSided(pair.b, false), nil
	case images.b == nil:
		return compare.OneSided(pair.a, true), nil
	}
	p.progress.phase("comparing " + pair.platform)
	return compare.Images(ctx, images.a, images.b, compare.Options{
		ByBlob: true, Inside: &inside.Options{Scratch: os.TempDir()}, Steps: images.a.History(), StepsB: images.b.History(), OnRead: p.progress.add,
	})
}

// fetch opens the images and brings the layers that the comparison will read.
func (p *imagePair) fetch(ctx context.Context, pairs []platformPair) ([]opened, error) {
	images := make([]opened, len(pairs))
	var ofA, ofB []compare.Layer
	for n, pair := range pairs {
		if pair.a.Manifest == "" || pair.b.Manifest == "" {
			continue
		}
		var err error
		if images[n].a, err = openImage(p.a, pair.a); err != nil {
			return nil, err
		}
		if images[n].b, err = openImage(p.b, pair.b); err != nil {
			return nil, err
		}
		x, y := compare.Needed(images[n].a, images[n].b)
		ofA, ofB = append(ofA, x...), append(ofB, y...)
	}
	for _, side := range []struct {
		img  *bring.Image
		need []compare.Layer
	}{{p.a, ofA}, {p.b, ofB}} {
		p.progress.phase("fetching layers of " + side.img.Name)
		if err := side.img.Fetch(ctx, side.need); err != nil {
			return nil, err
		}
	}
	return images, nil
}

func openImage(i *bring.Image, m compare.PlatformManifest) (*compare.Image, error) {
	if i.Brought {
		return compare.OpenBrought(i.Layout, m.Manifest)
	}
	return compare.Open(i.Layout, m.Manifest)
}

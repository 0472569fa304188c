//go:build !front

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/bring"
)

// imagePair is the two things that are compared.
type imagePair struct {
	a, b         *bring.Image
	listA, listB compare.Listing
	flags        diffFlags
	remove       func() // gives back the folder for what was brought from elsewhere
	progress     *progress
	notes        []string
}

// openPair finds both images and brings manifests and configs here. Layers come later, once it is known which.
func (a *app) openPair(ctx context.Context, left, right string, f diffFlags) (_ *imagePair, err error) {
	p := &imagePair{flags: f, progress: a.startProgress()}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	temp, remove, err := a.tempDir("diff-")
	if err != nil {
		return p, err
	}
	p.remove = remove
	client := a.registry(registry.Options{})
	open := func(name, side string) (*bring.Image, compare.Listing, error) {
		p.progress.phase("reading " + name)
		dir := filepath.Join(temp, side)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, compare.Listing{}, fmt.Errorf("making the temporary folder: %w", err)
		}
		img, err := bring.Open(ctx, name, bring.Options{Client: client, Dir: dir, Platforms: f.platforms, OnRead: p.progress.add})
		if err != nil {
			return nil, compare.Listing{}, err
		}
		list, err := compare.List(img.Layout, img.Root, f.platforms)
		return img, list, sparse(err)
	}
	if p.a, p.listA, err = open(left, "A"); err != nil {
		return p, err
	}
	p.b, p.listB, err = open(right, "B")
	return p, err
}

// sparse tells what to do about an index of which not every image is there.
func sparse(err error) error {
	var d *diag.Diagnostic
	if errors.Is(err, os.ErrNotExist) && errors.As(err, &d) && d.Help == "" {
		return d.WithHelp("fetch the image again; or name the platforms that are there: --platform linux/amd64")
	}
	return err
}

func (p *imagePair) close() {
	p.progress.stop()
	for _, i := range []*bring.Image{p.a, p.b} {
		if i != nil {
			_ = i.Close()
		}
	}
	if p.remove != nil {
		p.remove()
	}
}

// pairs are the platforms to compare, sorted.
func (p *imagePair) pairs() ([]platformPair, error) {
	all := map[string]*platformPair{}
	at := func(name string) *platformPair {
		if all[name] == nil {
			all[name] = &platformPair{platform: name}
		}
		return all[name]
	}
	for _, m := range p.listA.Images {
		at(m.Platform).a = m
	}
	for _, m := range p.listB.Images {
		at(m.Platform).b = m
	}
	for _, want := range p.flags.platforms {
		if !slices.ContainsFunc(append(slices.Clone(p.listA.Images), p.listB.Images...), func(m compare.PlatformManifest) bool {
			return compare.MatchPlatform([]string{want}, m.Platform)
		}) {
			return nil, diag.Errorf(diag.CodeNoPlatform, "neither `%s` nor `%s` has an image for %s", p.a.Name, p.b.Name, want).
				WithHelp("leave --platform out to compare what is there")
		}
	}
	p.alone(all)
	out := make([]platformPair, 0, len(all))
	for _, pair := range all {
		out = append(out, *pair)
	}
	slices.SortFunc(out, func(x, y platformPair) int { return strings.Compare(x.platform, y.platform) })
	if len(out) == 0 {
		return nil, diag.Errorf(diag.CodeNoPlatform, "neither `%s` nor `%s` holds an image", p.a.Name, p.b.Name).WithHelp("build one: selfsame build --out DIR")
	}
	return out, nil
}

// alone handles an index against one image without an index: there, only that image's platform can be meant.
func (p *imagePair) alone(all map[string]*platformPair) {
	single := func(l compare.Listing) bool { return l.Index == nil && len(l.Images) == 1 }
	for _, s := range []struct {
		one, many         compare.Listing
		oneName, manyName string
	}{{p.listA, p.listB, p.a.Name, p.b.Name}, {p.listB, p.listA, p.b.Name, p.a.Name}} {
		if !single(s.one) || s.many.Index == nil {
			continue
		}
		for name := range all {
			if pair := all[name]; pair.a.Manifest == "" || pair.b.Manifest == "" {
				if len(all) > 1 && name != s.one.Images[0].Platform {
					delete(all, name)
				}
			}
		}
		p.notes = append(p.notes, fmt.Sprintf("%s is an index, %s one image for %s: the index itself and other platforms are not compared",
			s.manyName, s.oneName, s.one.Images[0].Platform))
	}
}

// noteSkipped names what is in an index and is no image.
func (p *imagePair) noteSkipped() {
	for _, s := range []struct {
		name string
		list compare.Listing
	}{{p.a.Name, p.listA}, {p.b.Name, p.listB}} {
		for _, of := range []struct {
			what string
			list []digest.Digest
		}{{"build attestation", s.list.Attestations}, {"attached artifact", s.list.Artifacts}} {
			if n := len(of.list); n > 0 {
				p.notes = append(p.notes, fmt.Sprintf("not compared: %d %s%s of %s (%s%s)", n, of.what, map[bool]string{true: "s"}[n > 1], s.name,
					of.list[0], map[bool]string{true: ", ..."}[n > 1]))
			}
		}
	}
}

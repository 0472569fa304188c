package builder

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/cause"
)

// mend tries the remedies for a culprit's findings until one makes both builders agree on the step. It gives what was verified, or
// nothing.
func (b *build) mend(ctx context.Context, c culprit, findings []cause.Finding) (*change, error) {
	list := b.changes(c, findings)
	if len(list) == 0 {
		return nil, nil
	}
	if b.control == nil { // a step that agrees unchanged would agree with any change
		same, as, err := b.agrees(ctx, c, b.project.authored())
		if err != nil || same {
			return nil, err
		}
		b.control = &as
	}
	for _, ch := range list {
		same, as, err := b.agrees(ctx, c, ch.file)
		if err != nil {
			return nil, err
		}
		if same && as.empty <= b.control.empty && (ch.deletes || as.entries == b.control.entries) {
			ch.patch.Verified = true
			return &ch, nil
		}
	}
	return nil, nil
}

// shape is what a step makes, roughly: a change that keeps it from doing its work would make builders agree, too.
type shape struct{ entries, empty int }

func shapeOf(ctx context.Context, img *compare.Image) (shape, error) {
	var s shape
	n := len(img.Layers()) - 1
	if n < 0 {
		return s, nil
	}
	r, err := img.ReadLayer(ctx, n, compare.Limits{})
	if err != nil {
		return s, err
	}
	defer r.Close()
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		s.entries++
		if h.Typeflag == tar.TypeReg && h.Size == 0 && !strings.HasPrefix(path.Base(h.Name), ".wh.") { // a deletion is no empty file
			s.empty++
		}
	}
}

// agrees builds the step from a changed file on both builders, on the frozen inputs, and says what A made.
func (b *build) agrees(ctx context.Context, c culprit, file []byte) (same bool, as shape, err error) {
	p, err := b.project.with(file)
	if err != nil {
		return false, as, nil //nolint:nilerr // a change that makes no recipe is no remedy
	}
	draft, err := b.host.compile(ctx, p, c.platform, &lockResolver{h: b.host, p: p, lock: b.lock})
	if err != nil {
		return false, as, nil //nolint:nilerr // a change that makes no Dockerfile is no remedy
	}
	step, err := draft.Isolate(c.made.Step.Name, c.frozen.states, c.frozen.layers)
	if err != nil {
		return false, as, nil //nolint:nilerr // nor is one after which the step is no more
	}
	x := &experiment{run: b.run, step: step, name: c.made.Step.Name}
	var got [2]*compare.Image
	var eg errgroup.Group
	b.tries += 2
	eg.Go(func() (err error) { got[0], err = x.on(ctx, b.run.a, b.run.a.world, 100+b.tries); return })
	eg.Go(func() (err error) {
		x.last = b.host.Now()
		x.passTime(ctx)
		got[1], err = x.on(ctx, b.run.b, b.run.b.world, 101+b.tries)
		return
	})
	err = eg.Wait()
	for _, img := range got {
		if img != nil {
			defer removeAll(img.Dir())
		}
	}
	var failed *solver.StepError
	if errors.As(err, &failed) && isStep(err) {
		return false, as, nil // a change that breaks the step is no remedy
	}
	if err != nil {
		return false, as, err
	}
	as, err = shapeOf(ctx, got[0])
	return got[0].Manifest() == got[1].Manifest(), as, err
}

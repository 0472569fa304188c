package verify

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

const (
	// requests is how much one run reads at one time: enough to hide a registry's latency, few enough to bound memory and to be no burden.
	requests = 16
	// imagesAhead is of how many images the evidence is read before that of the first of them is judged.
	imagesAhead = 8
	// bytesAhead bounds the manifests, and again the bundles, of an image that is read before its turn. One with more waits for it, so
	// that a flood is held in memory once and not for every platform.
	bytesAhead = 16 << 20
)

// ahead reads the evidence of a run's images before it is wanted, so that the registry is waited for once and not once for each image
// (issue 6: cold is a few round trips). It is handed out in the order of the images: what comes of a run hangs on no timing.
type ahead struct {
	ctx     context.Context
	options Options
	images  []image
	first   *listed // of options.Digest
	read    []*gathered
	running sync.WaitGroup
}

// gathered is the evidence of one image, once done is closed.
type gathered struct {
	found evidence
	err   error
	done  chan struct{}
	turn  chan struct{} // closed when nothing but this image is waited for
}

// listed is a listing, once done is closed.
type listed struct {
	listing artifact.Listing
	err     error
	done    chan struct{}
}

// readAhead begins to list what is attached to the image that was asked for, while its manifest is read: the digest is all that it takes.
// Whoever calls it ends ctx and waits for what is running.
func readAhead(ctx context.Context, o Options) *ahead {
	a := &ahead{ctx: ctx, options: o, first: &listed{done: make(chan struct{})}}
	a.running.Go(func() {
		defer close(a.first.done)
		a.first.listing, a.first.err = o.Source.Referrers(ctx, o.Digest, o.Budget.Listing)
	})
	runtime.Gosched() // the listing is asked for first, because more is asked for when it comes
	return a
}

// next gives the evidence of the i-th image. It is to be called for one after the other.
func (a *ahead) next(i int) (evidence, error) {
	for n := len(a.read); n < min(i+imagesAhead, len(a.images)); n++ {
		a.read = append(a.read, a.start(n))
	}
	g := a.read[i]
	a.read[i] = nil // it can be forgotten once it is judged
	close(g.turn)
	<-g.done
	return g.found, g.err
}

func (a *ahead) start(n int) *gathered {
	g := &gathered{done: make(chan struct{}), turn: make(chan struct{})}
	a.running.Go(func() {
		defer close(g.done)
		img := a.images[n]
		listing, err := a.list(n, g.turn)
		g.found, g.err = gather(a.ctx, a.options, img, listing, err, g.turn)
	})
	return g
}

// list reads a listing, and before its turn only one that is not large. A large one is listed again then, with the whole budget: whether
// that is enough hangs on no timing.
func (a *ahead) list(n int, turn <-chan struct{}) (artifact.Listing, error) {
	if n == 0 {
		<-a.first.done
		return a.first.listing, a.first.err
	}
	d, whole := a.images[n].desc.Digest, a.options.Budget.Listing
	some := whole
	some.Bytes = min(bytesAhead, whole.Bytes)
	listing, err := a.options.Source.Referrers(a.ctx, d, some)
	var incomplete *artifact.IncompleteError
	if some.Bytes == whole.Bytes || !errors.As(err, &incomplete) {
		return listing, err
	}
	select {
	case <-turn:
		return a.options.Source.Referrers(a.ctx, d, whole)
	case <-a.ctx.Done():
		return artifact.Listing{}, context.Cause(a.ctx)
	}
}

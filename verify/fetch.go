package verify

import (
	"context"
	"fmt"

	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// parallel is how many bundles of one image are fetched at once, before the first of them is opened.
const parallel = 8

// fetched is what came of asking for a bundle.
type fetched struct {
	bundle []byte
	err    error
}

// fetch reads the bundles of the referrers, some at a time, and opens them in their order, whatever the order in which they come. A bundle
// has its slot from before it is asked for until it was opened: so slots bound what a run holds in memory.
func (e *evidence) fetch(ctx context.Context, o Options, img image, from []artifact.Referrer) error {
	slots := o.Budget.Listing.Slots
	queue := make(chan chan fetched, parallel-1)
	go func() {
		defer close(queue)
		for _, r := range from {
			if slots.Take(ctx) != nil {
				return
			}
			c := make(chan fetched, 1)
			go func() {
				bundle, err := o.Source.Blob(ctx, r.Layers[0], signing.MaxBundle)
				c <- fetched{bundle, err}
			}()
			select {
			case queue <- c:
			case <-ctx.Done():
				return // and with it the run, and its slots
			}
		}
	}()
	for _, r := range from {
		c, ok := <-queue
		if !ok {
			return context.Cause(ctx)
		}
		f := <-c
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e.take(o, img, r, f)
		slots.Give()
	}
	return nil
}

func (e *evidence) take(o Options, img image, r artifact.Referrer, f fetched) {
	if f.err != nil {
		e.incomplete = fmt.Sprintf("reading %s: %v", r.Descriptor.Digest, f.err)
		e.unanswered = f.err
		e.ignore(img, r.Descriptor.Digest, "could not be read: %v", f.err)
		e.notRead++
		return
	}
	e.present[r.Layers[0].Digest] = true
	e.open(o, img, r, f.bundle)
}

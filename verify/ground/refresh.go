package ground

import (
	"context"
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/freshness"
)

// errUnread: nobody has asked the registry.
var errUnread = errors.New("it was not read yet")

// Refresh reads everything anew, with new connections only where there were none. What cannot be read, is older than what is in force or
// has ended is an error, and the present state stays until it ends itself. What changed in files on this machine counts at once,
// before any registry is asked (RefreshFiles): a key that was taken out is out, also while the registry is down.
func (g *Ground) Refresh(ctx context.Context) error {
	g.refreshing.Lock()
	defer g.refreshing.Unlock()
	now := g.state.Load()
	if err := g.readFiles(now); err != nil {
		return err
	}
	return g.readLists(ctx, g.state.Load())
}

// RefreshFiles reads the files on this machine anew, and asks no registry. The deny list in force goes on if it counts by the files of now:
// where whoever signed it may not any more, nothing is decided until another one is read.
func (g *Ground) RefreshFiles() error {
	g.refreshing.Lock()
	defer g.refreshing.Unlock()
	return g.readFiles(g.state.Load())
}

// Lacking says why no deny list counts, where one is asked for; nil: one does, or none is asked for.
func (g *Ground) Lacking() error { return g.state.Load().lacking }

// readLists reads files and lists, with now in force (nil: nothing).
func (g *Ground) readLists(ctx context.Context, now *state) error {
	var place freshness.Place
	s := g.c.Setup
	s.Lists.from = func(p freshness.Place, d freshness.Demand) (*freshness.DenyList, error) {
		place = p
		return freshness.OpenDenyList(ctx, p, d)
	}
	next, err := g.load(ctx, s)
	if err != nil {
		if now != nil && now.lacking != nil { // the newest reason is the one to look at
			again := *now
			again.lacking = err
			g.state.Store(&again)
		}
		return err
	}
	g.take(next, place)
	if deny := next.Options.Deny; deny != nil && place.Name() != "" { // a file is kept already, by whoever wrote it
		return g.shelf.write(keptList, place.String(), deny.Bundle)
	}
	return nil
}

// readFiles reads the files, and has them count if they are others than those of now (nil: there are none).
func (g *Ground) readFiles(now *state) error {
	var place freshness.Place
	var lacking error
	s := g.c.Setup
	s.Lists.from = func(p freshness.Place, d freshness.Demand) (l *freshness.DenyList, _ error) {
		place = p
		l, lacking = g.knownList(now, p, d)
		return l, nil
	}
	next, err := g.load(context.Background(), s) // asks no registry
	if err != nil || now != nil && now.local == next.local {
		return err
	}
	if next.lacking = lacking; lacking != nil {
		next.epoch.Trust += "-" // evidence from when no list was asked for is of another epoch
	}
	g.take(next, place)
	return nil
}

// take puts a state in force.
func (g *Ground) take(next *state, at freshness.Place) {
	if at != nil {
		next.place = at.String()
	}
	if deny := next.Options.Deny; deny != nil {
		g.seen[next.place] = deny.Sequence
	}
	g.state.Store(next)
}

// knownList is the deny list of a place as far as this machine knows it: the file itself, else the one in force, else the one that is kept.
func (g *Ground) knownList(now *state, p freshness.Place, d freshness.Demand) (*freshness.DenyList, error) {
	unread := errUnread
	if p.Name() == "" {
		l, err := freshness.OpenDenyList(context.Background(), p, d)
		if err == nil {
			return l, nil
		}
		unread = err
	}
	if now != nil && now.Options.Deny != nil && now.place == p.String() {
		d.Memory = nil // it was compared when it was read
		return freshness.ReopenDenyList(p, now.Options.Deny.Place, now.Options.Deny.Bundle, d)
	}
	bundle, err := g.shelf.read(keptList, p.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w, and %w", p, unread, err)
	}
	return freshness.ReopenDenyList(p, p.String(), bundle, d)
}

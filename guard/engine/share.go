package engine

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"
)

// guestKey is the key of a guest's user id in a context.
type guestKey struct{}

// WithGuest says on whose behalf what is asked with ctx is asked, where that is a user who may ask and no gate of ours: what guests have
// gathered takes a share of the engine and never all of it.
func WithGuest(ctx context.Context, uid int) context.Context {
	return context.WithValue(ctx, guestKey{}, uid)
}

// Guest is the user of WithGuest; false: a gate asks.
func Guest(ctx context.Context) (uid int, is bool) {
	uid, is = ctx.Value(guestKey{}).(int)
	return uid, is
}

// The shares of the queue of gatherings: of all guests together, and of one of them. Of the gatherings that run at once guests have at most
// half, too.
const (
	ofGuests = 2
	ofGuest  = 8
)

// shares counts what guests wait for. It goes on counting when they have given up waiting, until it is gathered.
type shares struct {
	mu  sync.Mutex
	all int
	of  map[int]int // by uid
}

// join takes a place in a queue of max places; false: the guest's share is used up, or that of all guests.
func (s *shares) join(uid, max int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= max/ofGuests || s.of[uid] >= max/ofGuest {
		return false
	}
	if s.of == nil {
		s.of = map[int]int{}
	}
	s.all, s.of[uid] = s.all+1, s.of[uid]+1
	return true
}

func (s *shares) leave(uid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.of[uid] = s.all-1, s.of[uid]-1
	if s.of[uid] == 0 {
		delete(s.of, uid)
	}
}

// errShare is errBusy for one who could have known.
var errShare = fmt.Errorf("%w for this user", errBusy)

// queued has a flight begun within the bounds of who asks. Gates wait for no flight of a guest's, which may wait for its turn far longer.
func (e *Engine) queued(ctx context.Context, flight string, do func(guest bool) settlement) (<-chan singleflight.Result, error) {
	max := maxPending * cap(e.slots)
	if e.pending.Load() >= int64(max) {
		return nil, errBusy
	}
	uid, guest := Guest(ctx)
	if guest && !e.guests.join(uid, max) {
		return nil, errShare
	}
	done := e.flights.DoChan(lane(flight, guest), func() (any, error) {
		e.pending.Add(1)
		e.work.Add(1)
		defer e.work.Done()
		defer e.pending.Add(-1)
		return do(guest), nil
	})
	if !guest {
		return done, nil
	}
	out := make(chan singleflight.Result, 1)
	go func() {
		r := <-done
		e.guests.leave(uid)
		out <- r
	}()
	return out, nil
}

// lane keeps what guests have begun apart.
func lane(what string, guest bool) string {
	if guest {
		return "guest\x00" + what
	}
	return what
}

// slot waits for a gathering's turn; false: the engine ends.
func (e *Engine) slot(guest bool) (leave func(), ok bool) {
	var taken []chan struct{}
	leave = func() {
		for _, t := range taken {
			<-t
		}
	}
	all := []chan struct{}{e.slots}
	if guest {
		all = []chan struct{}{e.guestSlots, e.slots}
	}
	for _, s := range all {
		select {
		case s <- struct{}{}:
			taken = append(taken, s)
		case <-e.life.Done():
			leave()
			return nil, false
		}
	}
	return leave, true
}

package engine

import (
	"sync"
	"time"
)

// maxBack is how far a clock may step back without a word; time servers do that.
const maxBack = 2 * time.Second

// clock is the time for decisions. It does not run backwards: where the machine's clock was set back, what had ended before (a certificate,
// the policy) would look valid again. It goes on from the latest time that was seen, at the speed of the monotonic clock.
type clock struct {
	wall      Clock
	monotonic func() time.Duration // since some moment; nobody can set it
	back      func()               // called each time that the clock is found set back

	mu     sync.Mutex
	last   time.Time     // the last reading of the wall clock,
	lastAt time.Duration // and of the other
	ahead  time.Duration
	warned bool
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, at := c.wall().Round(0), c.monotonic()
	if !c.last.IsZero() {
		lost := c.last.Add(at - c.lastAt).Sub(t) // how much less the wall clock says than it should
		c.ahead = max(c.ahead+lost, 0)           // set back, it grows; set forward again, it shrinks
		if c.ahead > maxBack && !c.warned {
			c.warned = true
			c.back()
		}
		c.warned = c.warned && c.ahead > maxBack
	}
	c.last, c.lastAt = t, at
	return t.Add(c.ahead)
}

package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// slow is a registry that answers when it is let, and counts.
type slow struct {
	release chan struct{}
	mu      sync.Mutex
	asked   int
	err     error
}

func (s *slow) Resolve(ctx context.Context, _ string) (digest.Digest, error) {
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	select {
	case <-s.release:
		return good, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestTags(t *testing.T) {
	s := &slow{release: make(chan struct{})}
	now := at
	tags := NewTags(s, func() time.Time { return now })
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := tags.Resolve(short, "x:v1"); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Error(err)
	}
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if d, err := tags.Resolve(t.Context(), "x:v1"); d != good || err != nil {
				t.Error(d, err)
			}
		})
	}
	close(s.release)
	wait.Wait()
	if s.asked != 1 {
		t.Errorf("asked %d times", s.asked)
	}
	down := errors.New("down")
	for _, step := range []struct {
		after time.Duration
		err   error
		asked int
	}{{4 * time.Second, nil, 1}, {2 * time.Second, down, 2}, {time.Second / 2, down, 2}, {time.Second, nil, 3}} {
		now, s.err = now.Add(step.after), step.err
		if _, err := tags.Resolve(t.Context(), "x:v1"); s.asked != step.asked || !errors.Is(err, step.err) {
			t.Errorf("after %s: asked %d times, %v; want %d, %v", step.after, s.asked, err, step.asked, step.err)
		}
	}
	for i := range 2 * maxTags {
		if _, err := tags.Resolve(t.Context(), fmt.Sprintf("x:%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := tags.known.Len(); n != maxTags || len(tags.pending) != 0 {
		t.Errorf("%d answers are kept, %d questions are under way", n, len(tags.pending))
	}
}

// TestTagsUnderway: a registry that hangs is asked a bounded number of questions, however many reviews there are, and the others are told at
// once.
func TestTagsUnderway(t *testing.T) {
	s := &slow{release: make(chan struct{})}
	tags := NewTags(s, func() time.Time { return at })
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var busy atomic.Int64
	var wait sync.WaitGroup
	for i := range 3 * maxPendingTags {
		wait.Go(func() {
			if _, err := tags.Resolve(short, fmt.Sprintf("x:%d", i)); errors.Is(err, errTags) {
				busy.Add(1)
			}
		})
	}
	wait.Wait()
	if busy.Load() != 2*maxPendingTags || len(tags.pending) != maxPendingTags {
		t.Errorf("%d were turned away, %d are under way", busy.Load(), len(tags.pending))
	}
	close(s.release)
	if d, err := tags.Resolve(t.Context(), lastPending(tags)); d != good || err != nil {
		t.Error("what was under way has no answer:", d, err)
	}
}

func lastPending(t *Tags) (ref string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ref = range t.pending {
		return ref
	}
	return ""
}

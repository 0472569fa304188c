package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	if len(tags.known) > maxTags {
		t.Errorf("%d answers are kept", len(tags.known))
	}
}

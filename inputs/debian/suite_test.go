package debian

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// TestAside: what is read beside is whole, its reader's failure is the user's, and nobody reads on when the user has ended.
func TestAside(t *testing.T) {
	text := strings.Repeat("Package: hello\n", 100_000)
	var got []byte
	all := func(r io.Reader) (err error) { got, err = io.ReadAll(r); return err }
	if err := aside(strings.NewReader(text), all); err != nil || string(got) != text {
		t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
	}
	boom := errors.New("boom")
	if err := aside(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(boom)), all); !errors.Is(err, boom) || string(got) != "x" {
		t.Errorf("the reader's failure: %q, %v", got, err)
	}
	r := &slow{begun: make(chan struct{})}
	err := aside(r, func(out io.Reader) error {
		_, _ = io.ReadFull(out, make([]byte, 1))
		<-r.begun
		return boom
	})
	if !errors.Is(err, boom) || !r.over.Load() {
		t.Errorf("the user's failure: %v; is read no more: %v", err, r.over.Load())
	}
}

// slow takes its time for what it is asked for secondly.
type slow struct {
	asked int
	begun chan struct{}
	over  atomic.Bool
}

func (s *slow) Read(p []byte) (int, error) {
	if s.asked++; s.asked == 2 {
		close(s.begun)
		time.Sleep(50 * time.Millisecond)
		s.over.Store(true)
	}
	return copy(p, "x"), nil
}

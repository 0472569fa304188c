package inputs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// flight is one upstream request and its answer, shared by everybody who asks for the same key. Readers follow the
// temporary file while it grows, so a slow client holds up neither the download nor the others.
type flight struct {
	ready chan struct{} // closed when head or failure is known
	done  chan struct{} // closed when answer or failure is final

	status int // of the head
	kept   http.Header
	length int64 // Content-Length, -1 if unknown
	file   string

	mu     sync.Mutex
	grown  *sync.Cond
	size   int64 // bytes in file
	ended  bool
	answer answer
	fail   *failure
}

// failure says why a flight has no answer.
type failure struct {
	outcome Outcome
	status  int // to send to the client
	code    diag.Code
	reason  string
}

func newFlight() *flight {
	f := &flight{ready: make(chan struct{}), done: make(chan struct{})}
	f.grown = sync.NewCond(&f.mu)
	return f
}

// head publishes status and headers; the body will grow in file.
func (f *flight) head(status int, kept http.Header, length int64, file string) {
	f.status, f.kept, f.length, f.file = status, kept, length, file
	close(f.ready)
}

// grow tells readers of n more bytes.
func (f *flight) grow(n int) {
	f.mu.Lock()
	f.size += int64(n)
	f.mu.Unlock()
	f.grown.Broadcast()
}

// end makes the result final; fail is nil for success.
func (f *flight) end(a answer, fail *failure) {
	f.mu.Lock()
	f.answer, f.fail, f.ended = a, fail, true
	f.mu.Unlock()
	select {
	case <-f.ready:
	default:
		close(f.ready)
	}
	close(f.done)
	f.grown.Broadcast()
}

// result is the outcome so far: ended is false while the body still grows.
func (f *flight) result() (a answer, fail *failure, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answer, f.fail, f.ended
}

// unauthorized says whether upstream has answered 401.
func (f *flight) unauthorized() bool {
	a, fail, ended := f.result()
	return ended && fail == nil && a.status == http.StatusUnauthorized
}

// errBroken ends a body whose flight failed half-way.
var errBroken = errors.New("upstream broke off")

// follower reads a flight's body while it grows.
type follower struct {
	ctx context.Context
	f   *flight
	r   *os.File
	off int64
}

// follow opens the body for reading from its start. The file stays readable when it is renamed or removed.
func (f *flight) follow(ctx context.Context) (io.ReadCloser, error) {
	r, err := os.Open(f.file)
	if err != nil {
		return nil, err
	}
	return &follower{ctx: ctx, f: f, r: r}, nil
}

// Read waits for bytes; it ends with io.EOF only after the flight ended well.
func (b *follower) Read(p []byte) (int, error) {
	b.f.mu.Lock()
	for b.off >= b.f.size && !b.f.ended {
		b.f.grown.Wait()
	}
	avail, fail := b.f.size-b.off, b.f.fail
	b.f.mu.Unlock()
	switch {
	case b.ctx.Err() != nil:
		return 0, b.ctx.Err()
	case avail == 0 && fail != nil:
		return 0, errBroken
	case avail == 0:
		return 0, io.EOF
	}
	n, err := b.r.ReadAt(p[:min(int64(len(p)), avail)], b.off)
	b.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (b *follower) Close() error { return b.r.Close() }

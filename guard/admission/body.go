package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// bodyTime bounds how long a body may take to arrive, and once more from when there is room for it: a caller that drips bytes would
	// hold that room.
	bodyTime = 5 * time.Second
	// firstPart is what has to be there before room is kept for the rest. An ordinary review has some 10 kB and arrives whole, so that
	// nobody who sends nothing can stand in its way.
	firstPart = 32 << 10
	// firstBytes is what has to be there before there is memory for that part.
	firstBytes = 4 << 10
)

// rooms are the bytes of reviews that are being read and judged, by the length that they say they have: many large ones at one time wait for
// one another, and never an ordinary one for a large one.
type rooms []room

type room struct {
	upTo int64 // the length of its greatest review
	free *semaphore.Weighted
}

// newRooms has place for 36 MiB in all.
func newRooms() rooms {
	return rooms{{firstPart, semaphore.NewWeighted(4 << 20)}, {256 << 10, semaphore.NewWeighted(8 << 20)}, {maxBody, semaphore.NewWeighted(3 * maxBody)}}
}

// take waits for room. Nobody waits while holding some, so that all get on. errBusy: there was none within ctx.
func (all rooms) take(ctx context.Context, size int64) (release func(), err error) {
	for _, r := range all {
		if size <= r.upTo {
			if r.free.Acquire(ctx, size) != nil {
				return nil, errBusy
			}
			return func() { r.free.Release(size) }, nil
		}
	}
	return nil, errTooLarge
}

var (
	errNoLength = errors.New("a review says its length (Content-Length)") // API servers do
	errTooLarge = fmt.Errorf("a review has at most %d bytes", maxBody)
)

// bodyStatus is the status for a body that could not be read.
func bodyStatus(err error) int {
	switch {
	case errors.Is(err, errNoLength):
		return http.StatusLengthRequired
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// parts are buffers for what is read first, from firstBytes to firstPart, each twice as large as the one before. An ordinary review's bytes
// would be a third of all garbage.
var parts [4]sync.Pool

// part is a buffer of size bytes, and give, which takes it back; nothing of what was read may be in use then.
func part(size int64) (b []byte, give func()) {
	n := 0
	for size > firstBytes<<n {
		n++
	}
	held, ok := parts[n].Get().(*[]byte)
	if !ok {
		fresh := make([]byte, firstBytes<<n)
		held = &fresh
	}
	return (*held)[:size], func() { parts[n].Put(held) }
}

// readBody reads a review; release gives its room back, and body with it. The deadline is taken off afterwards, since on HTTP/1 one that passes later would end
// the request; after a failure it stays, or the server would go on waiting for the rest.
func (g *Gate) readBody(ctx context.Context, w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	control := http.NewResponseController(w)
	within := func(d time.Duration) {
		_ = control.SetReadDeadline(time.Now().Add(d)) //nolint:forbidigo // a connection's deadline is the system's time; what has none has the server's own
	}
	within(bodyTime)
	size := r.ContentLength
	switch {
	case size < 0:
		return nil, nil, errNoLength
	case size > maxBody:
		return nil, nil, errTooLarge
	}
	first, give, err := readFirst(r.Body, min(size, firstPart))
	if err != nil {
		return nil, nil, err
	}
	leave, err := g.rooms.take(ctx, max(size, int64(cap(first)))) // what is held
	if err != nil {
		give()
		return nil, nil, err
	}
	body, release = first, func() { give(); leave() }
	if size > firstPart {
		within(bodyTime)
		body, release = append(make([]byte, 0, size), first...)[:size], leave
		give()
		_, err = io.ReadFull(r.Body, body[firstPart:])
	}
	if err == nil && int64(len(body)) != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, release, nil
}

// readFirst reads size bytes into a buffer that give takes back. Who sends next to nothing has next to no memory: it grows once.
func readFirst(from io.Reader, size int64) (body []byte, give func(), err error) {
	body, give = part(min(size, firstBytes))
	_, err = io.ReadFull(from, body)
	if err == nil && size > firstBytes {
		small, back := body, give
		body, give = part(size)
		_, err = io.ReadFull(from, body[copy(body, small):])
		back()
	}
	if err != nil {
		give()
		return nil, nil, whole(err)
	}
	return body, give, nil
}

// whole is err; what ended before its first byte ended too early, too.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

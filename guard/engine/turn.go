package engine

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"
)

// turn orders what is done to the files of one image: evidence that was gathered earlier is never written over what was gathered later,
// however long its writing takes. It lives as long as somebody is at it.
type turn struct {
	d     *disk
	k     key
	users int // guarded by disk.turning

	mu     sync.Mutex
	newest time.Time
}

// turn takes part in the order of an image's files; leave ends that.
func (d *disk) turn(k key) *turn {
	d.turning.Lock()
	defer d.turning.Unlock()
	t := d.turns[k]
	if t == nil {
		t = &turn{d: d, k: k}
		d.turns[k] = t
	}
	t.users++
	return t
}

func (t *turn) leave() {
	t.d.turning.Lock()
	defer t.d.turning.Unlock()
	if t.users--; t.users == 0 {
		delete(t.d.turns, t.k)
	}
}

// supersede removes what is kept, unless it is newer than that.
func (t *turn) supersede(gathered time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if gathered.Before(t.newest) {
		return nil
	}
	t.newest = gathered
	return t.d.remove(t.k)
}

// save writes evidence, unless newer evidence is kept.
func (t *turn) save(e *entry, packed []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.gathered.Before(t.newest) {
		return nil
	}
	t.newest = e.gathered
	return t.d.save(t.k, e, packed)
}

// remove removes an image's files.
func (d *disk) remove(k key) (failed error) {
	for _, r := range rooms {
		if err := os.Remove(d.path(k, r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

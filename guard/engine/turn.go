package engine

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// turn orders what is done to the files of one image: evidence that was gathered earlier is never written over what was gathered later,
// however long its writing takes. It lives as long as somebody is at it.
type turn struct {
	d     *disk
	k     key
	users int // guarded by disk.turning

	mu      sync.Mutex
	newest  time.Time
	removed bool // older evidence: it must not be there again after a power cut
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
	removed, err := t.d.remove(t.k)
	t.removed = t.removed || removed
	return err
}

// save writes evidence, unless newer evidence is kept. It waits for the disk where older evidence was removed: flushing two files for each image
// took longer than verifying it, and what a power cut takes of a new one is gathered again.
func (t *turn) save(e *entry, packed []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.gathered.Before(t.newest) {
		return nil
	}
	t.newest = e.gathered
	write := atomicfile.WriteUnflushed
	if t.removed { // and with it the removal
		write = atomicfile.Write
	}
	if err := t.d.save(t.k, e, packed, write); err != nil {
		return err
	}
	t.removed = false
	return nil
}

// unlink is os.Remove of what is no folder: that would try to remove one next.
func unlink(path string) error {
	for {
		if err := unix.Unlink(path); err != unix.EINTR { //nolint:errorlint // a plain errno
			return err
		}
	}
}

// remove removes an image's files; there says whether there were any.
func (d *disk) remove(k key) (there bool, failed error) {
	for _, r := range rooms {
		switch err := unlink(d.path(k, r)); {
		case err == nil:
			there = true
		case !errors.Is(err, fs.ErrNotExist):
			failed = errors.Join(failed, err)
		}
	}
	return there, failed
}

package engine

import (
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/metrics"
)

// key is what is kept for an image. Policy and epoch are in the values: an image has one verdict that counts, the newest.
type key struct {
	name   string
	digest digest.Digest
}

// memory is what the process remembers: verdicts, bounded in number, and compressed evidence, bounded in bytes. What was used least
// recently goes first. What anybody can ask for at will has bounds of its own, and pushes nothing else out: images about which nothing
// verified, and images about which nothing could be learnt.
type memory struct {
	metrics *metrics.Set

	mu       sync.Mutex
	tiers    []*tier // by room
	failures *simplelru.LRU[key, *entry]
}

// tier is some images, and their evidence.
type tier struct {
	max      int // of evidence, in bytes
	images   *simplelru.LRU[key, *entry]
	evidence *simplelru.LRU[key, []byte]
	bytes    int
}

// bareImages and bareBytes say which part of the bounds there is for images about which nothing verified, in each of their rooms: of the number a
// fourth more, of the bytes, which they hardly need, an eighth. Failures, which have no evidence, are a fourth more, too.
const (
	bareImages = 4
	bareBytes  = 8
)

// share is a room's part of the bounds.
func (r room) share(images int, bytes int64) (int, int64) {
	part := bytes / bareBytes
	if r == roomKnown {
		return images, bytes - 2*part
	}
	return max(images/bareImages, 1), part
}

func newMemory(images, bytes int, m *metrics.Set) *memory {
	out := &memory{metrics: m}
	for _, r := range rooms {
		n, most := r.share(images, int64(bytes))
		out.tiers = append(out.tiers, newTier(n, int(most)))
	}
	out.failures, _ = simplelru.NewLRU[key, *entry](max(images/bareImages, 1), nil) // fails only for sizes below 1
	return out
}

func newTier(images, bytes int) *tier {
	out := &tier{max: bytes}
	out.evidence, _ = simplelru.NewLRU[key, []byte](images, func(_ key, packed []byte) { out.bytes -= len(packed) })
	out.images, _ = simplelru.NewLRU[key, *entry](images, nil)
	return out
}

// get is what is known of an image, from its evidence.
func (m *memory) get(k key) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tiers {
		if e, ok := t.images.Get(k); ok {
			return e
		}
	}
	return nil
}

// failure is why nothing could be learnt of an image when that was last tried.
func (m *memory) failure(k key) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, _ := m.failures.Get(k)
	return e
}

// packed is an image's evidence, or nil when it had to go.
func (m *memory) packed(k key) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tiers {
		if p, ok := t.evidence.Get(k); ok {
			return p
		}
	}
	return nil
}

// put keeps an entry and its evidence; nil: that is too large to keep, and what there was before is not its evidence. What was gathered later
// stays: an image may be judged again over what is kept (a new policy) while somebody else gathers.
func (m *memory) put(k key, e *entry, packed []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures.Remove(k)
	if m.newer(k, e) {
		return
	}
	for _, t := range m.tiers {
		if t != m.tiers[e.room] {
			t.remove(k)
		}
	}
	m.tiers[e.room].put(k, e, packed)
	m.count()
}

// touch keeps an entry whose evidence is as it was, unless what was gathered later is there.
func (m *memory) touch(k key, e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newer(k, e) {
		return
	}
	m.tiers[e.room].images.Add(k, e)
}

// newer says whether what is kept of an image was gathered later than e; m.mu is held.
func (m *memory) newer(k key, e *entry) bool {
	for _, t := range m.tiers {
		if is, ok := t.images.Peek(k); ok && e.gathered.Before(is.gathered) {
			return true
		}
	}
	return false
}

// fail keeps a failure. What was known before stays, for whoever has use for it.
func (m *memory) fail(k key, e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures.Add(k, e)
}

func (t *tier) put(k key, e *entry, packed []byte) {
	t.images.Add(k, e)
	t.evidence.Remove(k)
	if packed == nil || len(packed) > t.max {
		return
	}
	t.evidence.Add(k, packed)
	for t.bytes += len(packed); t.bytes > t.max; {
		t.evidence.RemoveOldest()
	}
}

func (t *tier) remove(k key) {
	t.images.Remove(k)
	t.evidence.Remove(k)
}

func (m *memory) count() {
	images, bytes := 0, 0
	for _, t := range m.tiers {
		images, bytes = images+t.images.Len(), bytes+t.bytes
	}
	m.metrics.Put(metrics.CacheImages, float64(images))
	m.metrics.Put(metrics.CacheBytes, float64(bytes))
}

// keys are all images, the least recently used first.
func (m *memory) keys() []key {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []key
	for _, t := range slices.Backward(m.tiers) {
		out = append(out, t.images.Keys()...)
	}
	return out
}

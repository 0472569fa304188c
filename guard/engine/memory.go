package engine

import (
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
// recently goes first.
type memory struct {
	metrics *metrics.Set
	max     int // of evidence, in bytes

	mu       sync.Mutex
	images   *simplelru.LRU[key, *entry]
	evidence *simplelru.LRU[key, []byte]
	bytes    int
}

func newMemory(images, bytes int, m *metrics.Set) *memory {
	out := &memory{max: bytes, metrics: m}
	out.images, _ = simplelru.NewLRU[key, *entry](images, nil) // fails only for sizes below 1
	out.evidence, _ = simplelru.NewLRU[key, []byte](images, func(_ key, packed []byte) { out.bytes -= len(packed) })
	return out
}

func (m *memory) get(k key) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, _ := m.images.Get(k)
	return e
}

// packed is an image's evidence, or nil when it had to go.
func (m *memory) packed(k key) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, _ := m.evidence.Get(k)
	return p
}

// put keeps an entry. packed may be nil: the evidence is as it was.
func (m *memory) put(k key, e *entry, packed []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.images.Add(k, e)
	if packed != nil && len(packed) <= m.max {
		m.evidence.Remove(k)
		m.evidence.Add(k, packed)
		for m.bytes += len(packed); m.bytes > m.max; {
			m.evidence.RemoveOldest()
		}
	}
	m.metrics.Put(metrics.CacheImages, float64(m.images.Len()))
	m.metrics.Put(metrics.CacheBytes, float64(m.bytes))
}

// keys are all images, the least recently used first.
func (m *memory) keys() []key {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.images.Keys()
}

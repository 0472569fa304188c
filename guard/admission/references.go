package admission

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/selfsame-build/selfsame/registry"
)

// maxReferences is how many references are remembered, of some 100 bytes each, and of 1 kB at most.
const maxReferences = 4096

// parsed remembers what references mean. Reading one takes three parsers, which have to agree (registry.ParseReference), and a cluster asks
// for the same few again and again. It depends on the text alone; what is no reference is not kept.
var parsed = newReferences(maxReferences)

type references struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, registry.Reference]
}

func newReferences(size int) *references {
	known, _ := simplelru.NewLRU[string, registry.Reference](size, nil) // fails only for sizes below 1
	return &references{known: known}
}

// read is registry.ParseReference.
func (r *references) read(text string) (registry.Reference, error) {
	r.mu.Lock()
	ref, ok := r.known.Get(text)
	r.mu.Unlock()
	if ok {
		return ref, nil
	}
	ref, err := registry.ParseReference(text)
	if err == nil {
		r.mu.Lock()
		r.known.Add(text, ref)
		r.mu.Unlock()
	}
	return ref, err
}
